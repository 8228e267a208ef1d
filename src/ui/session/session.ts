/**
 * Who is signed in in this tab. The token lives in memory and in sessionStorage: another tab signs in for itself, and closing the
 * tab forgets it. Not its job: the sign-in page (sign-in.tsx).
 */
import { useSyncExternalStore } from 'react'
import type { Level } from '../../api/route.ts'
import type { Session } from '../../api/session.ts'
import type { Permission } from '../../model/permissions.ts'
import { browserWays } from '../../sdk/browser-transport.ts'
import { type ApiClient, clientOver } from '../../sdk/client.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { routes } from '../api/routes.ts'

export type SessionState =
  | { kind: 'starting' }
  /** `expired`: a token was there and is good for nothing any more. */
  | { kind: 'signed-out'; expired: boolean }
  | { kind: 'signed-in'; session: Session; client: ApiClient }

const key = 'croft.token'
const listeners = new Set<() => void>()
let state: SessionState = { kind: 'starting' }

function become(next: SessionState): void {
  state = next
  for (const listener of listeners) listener()
}

function clientWith(token?: string): ApiClient {
  return clientOver({ url: location.origin, token }, browserWays({ fetch: (url, asked) => fetch(url, asked) }))
}

/** At the start of the page: goes on with the tab's token if it still holds. Rejects when the controller cannot be reached. */
export async function resume(): Promise<void> {
  const token = sessionStorage.getItem(key)
  if (token === null) return become({ kind: 'signed-out', expired: false })
  await enter(token)
}

async function enter(token: string): Promise<void> {
  const client = clientWith(token)
  try {
    const session = await client.call(routes.session.get)
    sessionStorage.setItem(key, token)
    become({ kind: 'signed-in', session, client })
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401) throw error
    expire()
  }
}

export async function signIn(
  user: string,
  password: string,
  domain: string | undefined,
  project: string | undefined,
): Promise<void> {
  const body = { user, password, ...(domain && { domain }), ...(project && { project }) }
  const { token } = await clientWith().call(routes.session.create, { body })
  await enter(token)
}

/** What the person may has changed, or may have. Resolves to whether it has. */
export async function readRights(): Promise<boolean> {
  if (state.kind !== 'signed-in') return false
  const before = state
  const session = await before.client.call(routes.session.get)
  if (sessionState() !== before) return false
  if (JSON.stringify(session) === JSON.stringify(before.session)) return false
  become({ ...before, session })
  return true
}

/** A token for another project of the same person; the old one is given back. */
export async function switchProject(project: string): Promise<void> {
  if (state.kind !== 'signed-in') return
  const before = state.client
  const { token } = await before.call(routes.session.project, { body: { project } })
  await enter(token)
  // Nobody waits for it; left alone it would end by itself.
  before.call(routes.session.delete).catch(() => undefined)
}

export async function signOut(): Promise<void> {
  const before = state
  sessionStorage.removeItem(key)
  become({ kind: 'signed-out', expired: false })
  if (before.kind === 'signed-in') await before.client.call(routes.session.delete)
}

/** The API does not know the token any more: sign in again, and go on where one was. */
export function expire(): void {
  sessionStorage.removeItem(key)
  become({ kind: 'signed-out', expired: true })
}

export function sessionState(): SessionState {
  return state
}

export function useSessionState(): SessionState {
  return useSyncExternalStore(listener => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, sessionState)
}

/** Below the sign-in only. */
export function useSession(): Session {
  const now = useSessionState()
  if (now.kind !== 'signed-in') throw new Error('This part of the page is for those who are signed in.')
  return now.session
}

/** The same outside of drawing, such as in a definition's whyNot. */
export function sessionNow(): Session {
  if (state.kind !== 'signed-in') throw new Error('Nobody is signed in.')
  return state.session
}

export function client(): ApiClient {
  if (state.kind !== 'signed-in') throw new Error('Nobody is signed in.')
  return state.client
}

interface Needing {
  level: Level
  needs: Permission | null
  on_instance?: Permission
}

/**
 * Whether a session holds a permission at a route's level; the server decides in the end. `id`: of the thing that it is to be
 * done with; without it, whether with any, such as an instance that was given singly.
 */
export function may({ permissions }: Session, { level, needs, on_instance }: Needing, id?: string): boolean {
  if (needs === null) return true
  const on_system = permissions.system.includes(needs)
  if (level === 'system') return on_system
  if (level === 'domain') return on_system || permissions.domains.some(one => one.permissions.includes(needs))
  if (on_system || permissions.project.includes(needs)) return true
  if (on_instance === undefined) return false
  return permissions.instances.some(
    one => (id === undefined || one.instance_id === id) && one.permissions.includes(on_instance),
  )
}

/** Whether the permission is held in this domain: by itself, from a domain above, or on the system. */
export function mayIn({ permissions }: Session, needs: Permission, domain_id: string | null): boolean {
  if (permissions.system.includes(needs)) return true
  return permissions.domains.some(one => one.domain_id === domain_id && one.permissions.includes(needs))
}

/** Only operates what is there; runs a project; runs the cloud. Decides how much of the UI there is. */
export type Persona = 'portal' | 'project' | 'operator'

export function personaOf({ permissions }: Session): Persona {
  if (permissions.system.includes('topology.read')) return 'operator'
  return permissions.project.includes('instance.manage') || permissions.project.includes('network.manage')
    ? 'project'
    : 'portal'
}
