/** What the pages of all network nouns share: whose a thing is, and lists as people type them. */
import type { Permission } from '../../model/permissions.ts'
import { sessionState } from '../session/session.ts'
import { words } from './text.ts'

/** Others' networks may be used, and not changed. */
export function whyNotOurs(one: { project_id: string }, needs: Permission = 'network.manage'): string | undefined {
  const now = sessionState()
  if (now.kind !== 'signed-in') return undefined
  const { project, permissions } = now.session
  return project?.id === one.project_id || permissions.system.includes(needs) ? undefined : words('why_not.others')
}

/** What was typed one to a line, without empty lines. */
export function linesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(line => String(line).trim()).filter(line => line !== '') : []
}

/** A text, or nothing where none was typed. */
export const textOf = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined)
