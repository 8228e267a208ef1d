/** Granting and revoking roles. Nobody gives or takes what they do not hold in the same place themselves. */
import type { RoleGrant, roleGrantRoutes } from '../../api/role-grant.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Db, Tx } from '../store/database.ts'
import { domain } from '../store/domain.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { project } from '../store/project.ts'
import { role } from '../store/role.ts'
import { type NewGrant, roleGrant } from '../store/role-grant.ts'
import { user } from '../store/user.ts'
import { by, type Caller, forbidden, mayInDomain, mayOnSystem } from './caller.ts'
import { changeIdentity } from './holders.ts'
import { domainsWith, mustHold, mustManageIn } from './reach.ts'
import { mustLeaveAdministrator } from './user.ts'

const needs = { see: 'user.read', manage: 'user.manage' } as const

export function listRoleGrants(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof roleGrantRoutes.list>,
): Promise<Page<RoleGrant>> {
  const visible = { user_id: caller.user_id, domains: domainsWith(caller, 'user.read') }
  return roleGrant.list(cloud.database.db, visible, query)
}

interface Place {
  scope: NewGrant['scope']
  domain_id: string | null
  project_id: string | null
  /** The domain that the place lies in; null for the system. */
  within_domain_id: string | null
}

type Asked = BodyOf<typeof roleGrantRoutes.create>

/** Where the grant shall hold. Throws invalid unless exactly what the scope needs is named, not_found. */
async function placeOf(db: Db, { scope, domain_id, project_id }: Asked): Promise<Place> {
  const named = [domain_id && 'domain_id', project_id && 'project_id'].filter(Boolean).join(' and ')
  const wanted = scope === 'system' ? '' : `${scope}_id`
  if (named !== wanted) {
    const takes = wanted === '' ? 'neither domain_id nor project_id' : `${wanted} and nothing else`
    throw new CloudError('invalid', `A grant on the scope '${scope}' takes ${takes}; you gave ${named || 'none'}.`)
  }
  if (domain_id !== undefined) {
    if (!(await domain.find(db, domain_id))) throw notFound('domain', domain_id)
    return { scope, domain_id, project_id: null, within_domain_id: domain_id }
  }
  if (project_id === undefined) return { scope, domain_id: null, project_id: null, within_domain_id: null }
  const found = await project.find(db, project_id)
  if (!found) throw notFound('project', project_id)
  return { scope, domain_id: null, project_id, within_domain_id: found.domain_id }
}

function mustManagePlace(caller: Caller, place: Place): void {
  if (place.within_domain_id === null) {
    if (!mayOnSystem(caller, 'user.manage')) throw forbidden('user.manage', 'on the whole system')
    return
  }
  mustManageIn(caller, place.within_domain_id, needs, () =>
    notFound(place.scope, String(place.project_id ?? place.domain_id)),
  )
}

export function createRoleGrant(cloud: Cloud, caller: Caller, asked: Asked): Promise<RoleGrant> {
  const id = makeId(cloud)
  return changeIdentity(cloud, caller, async tx => {
    const place = await placeOf(tx, asked)
    mustManagePlace(caller, place)
    const receiver = await user.find(tx, asked.user_id)
    if (!receiver || !mayInDomain(caller, 'user.read', receiver.domain_id)) throw notFound('user', asked.user_id)
    const given = await role.findNamed(tx, asked.role)
    if (!given) throw notFound('role', asked.role)
    mustHold(caller, { ...place, domain_id: place.within_domain_id, permissions: given.permissions })
    const { scope, domain_id, project_id } = place
    const made = { id, user_id: receiver.id, role_id: given.id, scope, domain_id, project_id }
    await onConstraint(roleGrant.insert(tx, made), {
      role_grant_twice: () =>
        new CloudError(
          'conflict',
          `${receiver.name} holds the role '${given.name}' there already. Nothing is to be done.`,
        ),
    })
    return recorded(tx, caller, 'created', id)
  })
}

async function recorded(tx: Tx, caller: Caller, kind: string, id: string): Promise<RoleGrant> {
  const found = await roleGrant.find(tx, id)
  if (!found) throw notFound('role grant', id)
  const detail = { user_id: found.user_id, role: found.role_name, scope: found.scope }
  await event.record(tx, [
    { noun: 'role-grant', kind, resource_id: id, project_id: found.project_id, ...by(caller), detail },
  ])
  return found
}

export function deleteRoleGrant(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    const found = await roleGrant.find(tx, id)
    if (!found) throw notFound('role grant', id)
    const { scope, domain_id, project_id } = found
    const within = project_id === null ? domain_id : ((await project.find(tx, project_id))?.domain_id ?? null)
    mustManagePlace(caller, { scope, domain_id, project_id, within_domain_id: within })
    const taken = await role.find(tx, found.role_id)
    mustHold(caller, { scope, domain_id: within, project_id, permissions: taken?.permissions ?? [] })
    await recorded(tx, caller, 'deleted', id)
    await roleGrant.remove(tx, id)
    if (scope === 'system') await mustLeaveAdministrator(tx)
    return null
  })
}
