/**
 * How far an administrator reaches: into which domains, and whether far enough to give, take or touch what someone
 * else holds. Nobody gives what they do not hold, and nobody manages a user who may do more than they.
 */
import { CloudError } from '../../model/errors.ts'
import type { Permission } from '../../model/permissions.ts'
import type { Db } from '../store/database.ts'
import { type Held, roleGrant } from '../store/role-grant.ts'
import { type Caller, forbidden, mayInDomain, mayOnSystem } from './caller.ts'

/** Domains where the permission is held, or null for everywhere. */
export function domainsWith(caller: Caller, permission: Permission): string[] | null {
  if (mayOnSystem(caller, permission)) return null
  return [...caller.on_domains].filter(([, held]) => held.has(permission)).map(([domain_id]) => domain_id)
}

/**
 * Refuses who may not manage things of this domain: with `hidden` who may not even see the thing, otherwise with
 * 'forbidden'.
 */
export function mustManageIn(
  caller: Caller,
  domain_id: string,
  needs: { see: Permission; manage: Permission },
  hidden: () => CloudError,
): void {
  if (mayInDomain(caller, needs.manage, domain_id)) return
  throw mayInDomain(caller, needs.see, domain_id) ? forbidden(needs.manage, 'in that domain') : hidden()
}

/** Those of the permissions that the caller does not hold there. */
function lacking(caller: Caller, there: Held): Permission[] {
  return there.permissions.filter(permission => {
    if (mayOnSystem(caller, permission)) return false
    if (there.scope === 'system') return true
    if (there.domain_id !== null && mayInDomain(caller, permission, there.domain_id)) return false
    const of_project = there.scope === 'project' || there.scope === 'instance'
    return !(of_project && there.project_id === caller.project_id && caller.on_project.has(permission))
  })
}

/** Throws forbidden when the caller would give, or take, what they do not hold there themselves. */
export function mustHold(caller: Caller, there: Held): void {
  const missing = lacking(caller, there)
  if (missing.length === 0) return
  throw new CloudError(
    'forbidden',
    `You cannot give or take what you do not hold yourself on ${placeOf(there)}: ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}.`,
    { missing },
  )
}

/** Throws forbidden when the user may do something somewhere that the caller may not do there. */
export async function mustOutrank(db: Db, caller: Caller, user_id: string): Promise<void> {
  if (user_id === caller.user_id) return
  for (const held of await roleGrant.heldBy(db, user_id)) {
    const missing = lacking(caller, held)
    if (missing.length === 0) continue
    throw new CloudError(
      'forbidden',
      `This user may do more than you (${missing.slice(0, 5).join(', ')} on ${placeOf(held)}), so only someone who may do as much can change it.`,
      { missing },
    )
  }
}

export function placeOf(held: Pick<Held, 'scope' | 'domain_id' | 'project_id' | 'instance_id'>): string {
  switch (held.scope) {
    case 'system':
      return 'the whole system'
    case 'domain':
      return `domain ${held.domain_id}`
    case 'project':
      return `project ${held.project_id}`
    case 'instance':
      return `instance ${held.instance_id}`
    default:
      return held.scope satisfies never
  }
}
