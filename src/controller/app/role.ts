/** Roles: those that come with Croft stay as they are; others are composed of what the composer holds. */
import type { Role, roleRoutes } from '../../api/role.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { RoleId } from '../../model/ids.ts'
import type { Permission } from '../../model/permissions.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { role } from '../store/role.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { change } from './change.ts'
import { changeIdentity } from './holders.ts'
import { mustHold } from './reach.ts'

export function listRoles(cloud: Cloud, query: QueryOf<typeof roleRoutes.list>): Promise<Page<Role>> {
  return role.list(cloud.database.db, query)
}

export async function getRole(cloud: Cloud, id: string): Promise<Role> {
  const found = await role.find(cloud.database.db, id)
  if (!found) throw notFound('role', id)
  return found
}

function nameTaken(name: string | undefined) {
  return {
    role_name_key: () => new CloudError('name_taken', `There is a role '${name}' already. Choose another name.`),
  }
}

function mustHoldAll(caller: Caller, permissions: Permission[]): void {
  mustHold(caller, { scope: 'system', domain_id: null, project_id: null, instance_id: null, permissions })
}

async function record(tx: Tx, caller: Caller, kind: string, resource_id: string): Promise<void> {
  await event.record(tx, [{ noun: 'role', kind, resource_id, project_id: null, ...by(caller) }])
}

export function createRole(cloud: Cloud, caller: Caller, asked: BodyOf<typeof roleRoutes.create>): Promise<Role> {
  mustHoldAll(caller, asked.permissions)
  const made = { ...asked, id: makeId<RoleId>(cloud), description: asked.description ?? '' }
  return change(cloud, caller, async tx => {
    const created = await onConstraint(role.insert(tx, made), nameTaken(asked.name))
    await record(tx, caller, 'created', made.id)
    return created
  })
}

/** The role, locked. Throws not_found, and wrong_state for one that comes with Croft. */
async function composed(tx: Tx, id: string): Promise<Role> {
  const found = await role.lock(tx, id)
  if (!found) throw notFound('role', id)
  if (found.built_in) {
    throw new CloudError(
      'wrong_state',
      `The role '${found.name}' comes with Croft and stays as it is. Compose one of your own: croft role create.`,
    )
  }
  return found
}

export function updateRole(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof roleRoutes.update>,
): Promise<Role> {
  mustHoldAll(caller, asked.permissions ?? [])
  return changeIdentity(cloud, caller, async tx => {
    const found = await composed(tx, id)
    checkVersion(caller, found.version)
    const { name = found.name, description = found.description, permissions = found.permissions } = asked
    const updated = await onConstraint(role.update(tx, id, { name, description, permissions }), nameTaken(name))
    await record(tx, caller, 'changed', id)
    return updated
  })
}

export function deleteRole(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    const found = await composed(tx, id)
    checkVersion(caller, found.version)
    const holders = await role.holders(tx, id)
    if (holders > 0) {
      throw new CloudError(
        'in_use',
        `${holders} ${holders === 1 ? 'user holds' : 'users hold'} the role '${found.name}'. Revoke it first: croft role-grant list.`,
        { holders },
      )
    }
    await role.remove(tx, id)
    await record(tx, caller, 'deleted', id)
    return null
  })
}
