/**
 * Who may hear of what: each event by itself, and what the database need not read for somebody at all. Not its job: reading and telling
 * (app/event.ts).
 */
import type { Permission } from '../../model/permissions.ts'
import type { EventFilter as PastFilter, EventRow } from '../store/event.ts'
import { type Caller, forbidden, mayInAnyDomain, mayInDomain, mayInProject, mayOnSystem } from './caller.ts'

/** What one must be permitted to hear of a noun that belongs to no project. */
const systemNouns: Readonly<Record<string, Permission>> = {
  host: 'topology.read',
  migration: 'topology.read',
  zone: 'topology.read',
  cluster: 'topology.read',
  'host-registration': 'topology.read',
  'host-invitation': 'topology.read',
  region: 'topology.read',
  aggregate: 'topology.read',
  user: 'user.read',
  domain: 'domain.read',
  role: 'role.read',
  setting: 'setting.read',
  'scheduler-module': 'setting.read',
  flavor: 'flavor.read',
  'pci-alias': 'topology.read',
  project: 'project.read',
  'role-grant': 'user.read',
  quota: 'quota.read',
}

const ofAccess: ReadonlySet<string> = new Set(['domain', 'project', 'user', 'role', 'role-grant', 'quota'])

export interface EventFilter {
  noun?: string | undefined
  resource_id?: string | undefined
  all_projects?: boolean | undefined
}

/**
 * Throws forbidden for who asks for all projects' events and may not. Anybody signed in may hear: of what mayHear lets through, which for
 * who holds nothing is what is given to them.
 */
export function mustHear(caller: Caller, filter: EventFilter): void {
  if (filter.all_projects && !mayOnSystem(caller, 'event.read')) throw forbidden('event.read', 'on the whole system')
}

/** Whether this caller hears of this event. */
export function mayHear(caller: Caller, filter: EventFilter, row: EventRow): boolean {
  if (filter.noun !== undefined && filter.noun !== row.noun) return false
  if (filter.resource_id !== undefined && filter.resource_id !== row.resource_id) return false
  // What one did oneself in a domain or project that one runs is no secret.
  if (ofAccess.has(row.noun) && row.user_id === caller.user_id) return true
  if (row.noun === 'audit') return mayReadAudit(caller, row)
  if (row.noun === 'role-grant' && detailOf(row).user_id === caller.user_id) return true
  if (row.project_id !== null) {
    if (filter.all_projects === true) return true
    return row.project_id === caller.project_id && (mayInProject(caller, 'event.read') || isOfGiven(caller, row))
  }
  return cloudNouns.includes(row.noun) ? hearsOfCloud(caller, row.noun) : row.user_id === caller.user_id
}

/** Nouns of the cloud, as against those of a project or a person. */
const cloudNouns: readonly string[] = [...Object.keys(systemNouns), 'plugin', 'image-key']

/** Whether all events of this noun that belong to no project are the caller's to hear. */
function hearsOfCloud(caller: Caller, noun: string): boolean {
  if (noun === 'flavor') return mayInProject(caller, 'flavor.read')
  // Which tabs there are is everybody's; the list shows what is whose.
  if (noun === 'plugin') return true
  if (noun === 'image-key') return mayInProject(caller, 'image.read')
  const needs = systemNouns[noun]
  return needs !== undefined && mayOnSystem(caller, needs)
}

export function detailOf({ detail }: EventRow): { user_id?: string; of?: string } {
  return detail ?? {}
}

/** Of an instance that was given to the caller singly: itself, who sits at it, what is under way with it. */
function isOfGiven(caller: Caller, row: EventRow): boolean {
  switch (row.noun) {
    case 'instance':
    case 'console':
    case 'console-link':
      return caller.on_instances.has(row.resource_id)
    case 'operation':
      return caller.on_instances.has(detailOf(row).of ?? '')
    default:
      return false
  }
}

/** What was refused or signed in is told with the domains that it touches; that rows were sealed, to whoever reads any. */
function mayReadAudit(caller: Caller, { detail }: EventRow): boolean {
  const { domains } = (detail ?? {}) as { domains?: readonly string[] }
  return domains
    ? mayOnSystem(caller, 'audit.read') || domains.some(one => mayInDomain(caller, 'audit.read', one))
    : mayInAnyDomain(caller, 'audit.read')
}

/** What the database can leave out by itself of what the caller may not hear; mayHear decides. */
export function within(caller: Caller, filter: EventFilter): PastFilter {
  if (filter.resource_id !== undefined) return { resource_id: filter.resource_id }
  if (filter.all_projects) return {}
  const asked = (noun: string) => filter.noun === undefined || filter.noun === noun
  const hears_of_project = mayInProject(caller, 'event.read')
  return {
    concern: {
      project_id: hears_of_project ? caller.project_id : null,
      given: hears_of_project ? [] : [...caller.on_instances.keys()],
      nouns: [
        ...cloudNouns.filter(noun => hearsOfCloud(caller, noun)),
        ...(mayInAnyDomain(caller, 'audit.read') ? ['audit'] : []),
      ].filter(asked),
      user_id: caller.user_id,
    },
  }
}
