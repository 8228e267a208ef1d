/**
 * Who asks, for what, and what they may: made once per request by http/, used by every use case.
 * Deny by default: a permission is held only where a grant gives it.
 */
import { CloudError } from '../../model/errors.ts'
import type { Permission } from '../../model/permissions.ts'
import type { Holder } from '../store/credential.ts'

export interface Caller extends Holder {
  /** Of the token or key that the request came with. */
  readonly credential_sha256?: Buffer
  readonly request: RequestFacts
}

export interface RequestFacts {
  readonly id: string
  readonly method: string
  readonly path: string
  /** Route name, such as 'instance.start'. */
  readonly action: string
  /** What the path names as that which it is about, for the audit log: as it was asked, so perhaps nothing that there is. */
  readonly about?: string | null
  /** The status that success answers. */
  readonly status: number
  readonly address: string
  readonly idempotency_key: string | null
  /** SHA-256 of method, path with query, and body: what an idempotency key stands for. */
  readonly sha256: Uint8Array
  /** The version that If-Match names, or null when the header is missing. */
  readonly if_match: number | null
  /** What the audit log keeps of what was asked for; nothing for most routes. */
  readonly audit_detail?: Readonly<Record<string, unknown>> | null
}

export function mayOnSystem(caller: Caller, permission: Permission): boolean {
  return caller.on_system.has(permission)
}

export function mayInDomain(caller: Caller, permission: Permission, domain_id: string): boolean {
  return mayOnSystem(caller, permission) || (caller.on_domains.get(domain_id)?.has(permission) ?? false)
}

export function mayInProject(caller: Caller, permission: Permission): boolean {
  return caller.on_project.has(permission)
}

/**
 * Who holds it in the instance's project, or on that very instance, which was given to them singly. Other projects' take the
 * permission on the system.
 */
export function mayOnInstance(
  caller: Caller,
  permission: Permission,
  found: { id: string; project_id: string | null },
): boolean {
  if (mayOnSystem(caller, permission)) return true
  if (found.project_id === null || found.project_id !== caller.project_id) return false
  return caller.on_project.has(permission) || (caller.on_instances.get(found.id)?.has(permission) ?? false)
}

/** Instances of the project worked in that were given to the caller singly, with this permission. */
export function givenInstances(caller: Caller, permission: Permission): string[] {
  return [...caller.on_instances].flatMap(([id, held]) => (held.has(permission) ? [id] : []))
}

/** Somewhere at all: enough to reach a route at level 'domain', whose use case then checks the very domain. */
export function mayInAnyDomain(caller: Caller, permission: Permission): boolean {
  if (mayOnSystem(caller, permission)) return true
  for (const held of caller.on_domains.values()) if (held.has(permission)) return true
  return false
}

export function forbidden(permission: Permission, where: string): CloudError {
  return new CloudError(
    'forbidden',
    `This needs the permission ${permission} ${where}, which you do not hold. An administrator can grant a role that has it.`,
    { permission },
  )
}

/** The project that the caller works in; routes at level 'project' never come this far without one. */
export function projectOf(caller: Caller): string {
  if (caller.project_id === null) {
    throw new CloudError(
      'bad_request',
      'You are signed in without a project. Sign in to one: croft sign-in --project NAME.',
    )
  }
  return caller.project_id
}

/**
 * Which projects a read may see: the caller's own, or null for all of them, which needs the permission on the system.
 */
export function visibleProject(
  caller: Caller,
  permission: Permission,
  all_projects: boolean | undefined,
): string | null {
  if (!all_projects) return projectOf(caller)
  if (!mayOnSystem(caller, permission)) throw forbidden(permission, 'on the whole system')
  return null
}

/** Refuses when the caller named a version (If-Match) and the thing has moved on since. */
export function checkVersion(caller: Caller, version: number): void {
  const { if_match } = caller.request
  if (if_match !== null && if_match !== version) {
    throw new CloudError(
      'changed_meanwhile',
      `It was changed by someone else: you have version ${if_match}, it is at ${version}. Read it again and decide anew.`,
      { version },
    )
  }
}

/** Who and which request, as events and operations keep it. */
export function by(caller: Caller): { user_id: string; request_id: string } {
  return { user_id: caller.user_id, request_id: caller.request.id }
}
