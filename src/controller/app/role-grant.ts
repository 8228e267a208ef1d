/** Granting and revoking roles. Nobody gives or takes what they do not hold in the same place themselves. */
import type { RoleGrant, roleGrantRoutes } from '../../api/role-grant.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { instancePermissions } from '../../model/permissions.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Db, Tx } from '../store/database.ts'
import { domain } from '../store/domain.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'
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
  instance_id: string | null
  /** The domain that the place lies in; null for the system. */
  within_domain_id: string | null
}

type Asked = BodyOf<typeof roleGrantRoutes.create>

/** Where the grant shall hold. Throws invalid unless exactly what the scope needs is named, not_found. */
async function placeOf(db: Db, { scope, domain_id, project_id, instance_id }: Asked): Promise<Place> {
  const ids = { domain_id, project_id, instance_id }
  const named = Object.keys(ids)
    .filter(key => ids[key as keyof typeof ids] !== undefined)
    .join(' and ')
  const wanted = scope === 'system' ? '' : `${scope}_id`
  if (named !== wanted) {
    const takes = wanted === '' ? 'no domain_id, project_id or instance_id' : `${wanted} and nothing else`
    throw new CloudError('invalid', `A grant on the scope '${scope}' takes ${takes}; you gave ${named || 'none'}.`)
  }
  if (domain_id !== undefined) {
    if (!(await domain.find(db, domain_id))) throw notFound('domain', domain_id)
    return { ...nowhere, scope, domain_id, within_domain_id: domain_id }
  }
  if (instance_id !== undefined) {
    const within = await domainOfInstance(db, instance_id)
    if (within === null) throw notFound('instance', instance_id)
    return { ...nowhere, scope, instance_id, within_domain_id: within }
  }
  if (project_id === undefined) return { ...nowhere, scope }
  const found = await project.find(db, project_id)
  if (!found) throw notFound('project', project_id)
  return { ...nowhere, scope, project_id, within_domain_id: found.domain_id }
}

const nowhere = { domain_id: null, project_id: null, instance_id: null, within_domain_id: null }

/** Null when there is no such instance. */
async function domainOfInstance(db: Db, id: string): Promise<string | null> {
  const found = await instance.find(db, id)
  return found && ((await project.find(db, found.project_id))?.domain_id ?? null)
}

function mustManagePlace(caller: Caller, place: Place): void {
  if (place.within_domain_id === null) {
    if (!mayOnSystem(caller, 'user.manage')) throw forbidden('user.manage', 'on the whole system')
    return
  }
  mustManageIn(caller, place.within_domain_id, needs, () =>
    notFound(place.scope, String(place.instance_id ?? place.project_id ?? place.domain_id)),
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
    mustCountThere(place, given)
    const { scope, domain_id, project_id, instance_id } = place
    const made = { id, user_id: receiver.id, role_id: given.id, scope, domain_id, project_id, instance_id }
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

/** On an instance only what is done with it counts: a role without any of that would give nothing. */
function mustCountThere(
  { scope }: Place,
  { name, permissions }: { name: string; permissions: readonly string[] },
): void {
  if (scope !== 'instance' || instancePermissions.some(one => permissions.includes(one))) return
  throw new CloudError(
    'invalid',
    `The role '${name}' permits nothing with an instance. Choose one with ${instancePermissions.join(' or ')}, such as operator.`,
  )
}

async function recorded(tx: Tx, caller: Caller, kind: string, id: string): Promise<RoleGrant> {
  const found = await roleGrant.find(tx, id)
  if (!found) throw notFound('role grant', id)
  const { user_id, role_name: role, scope, instance_id } = found
  const detail = { user_id, role, scope, ...(instance_id && { instance_id }) }
  await event.record(tx, [
    { noun: 'role-grant', kind, resource_id: id, project_id: found.project_id, ...by(caller), detail },
  ])
  return found
}

async function withinOf(db: Db, { domain_id, project_id, instance_id }: RoleGrant): Promise<string | null> {
  if (instance_id !== null) return await domainOfInstance(db, instance_id)
  return project_id === null ? domain_id : ((await project.find(db, project_id))?.domain_id ?? null)
}

export function deleteRoleGrant(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    const found = await roleGrant.find(tx, id)
    if (!found) throw notFound('role grant', id)
    const { scope, domain_id, project_id, instance_id } = found
    const within = await withinOf(tx, found)
    mustManagePlace(caller, { scope, domain_id, project_id, instance_id, within_domain_id: within })
    const taken = await role.find(tx, found.role_id)
    mustHold(caller, { scope, domain_id: within, project_id, instance_id, permissions: taken?.permissions ?? [] })
    await recorded(tx, caller, 'deleted', id)
    await roleGrant.remove(tx, id)
    if (scope === 'system') await mustLeaveAdministrator(tx)
    return null
  })
}
