/** Users: made and managed by administrators of their domain, who never reach a user that may do more than they. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { User, userRoutes } from '../../api/user.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { UserId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Db, Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { project } from '../store/project.ts'
import { session } from '../store/session.ts'
import { signInAttempt } from '../store/sign-in-attempt.ts'
import { user } from '../store/user.ts'
import { by, type Caller, checkVersion, mayInDomain } from './caller.ts'
import { change } from './change.ts'
import { makeHash } from './hashing.ts'
import { changeIdentity } from './holders.ts'
import { domainsWith, mustManageIn, mustOutrank } from './reach.ts'

const needs = { see: 'user.read', manage: 'user.manage' } as const

export function listUsers(cloud: Cloud, caller: Caller, query: QueryOf<typeof userRoutes.list>): Promise<Page<User>> {
  return user.list(cloud.database.db, domainsWith(caller, 'user.read'), query)
}

export async function getUser(cloud: Cloud, caller: Caller, id: string): Promise<User> {
  const found = await user.find(cloud.database.db, id)
  const mine = id === caller.user_id
  if (!found || !(mine || mayInDomain(caller, 'user.read', found.domain_id))) throw notFound('user', id)
  return found
}

function broken(asked: { name?: string | undefined; default_project_id?: string | null | undefined }) {
  return {
    user_domain_id_name_key: () =>
      new CloudError('name_taken', `The domain has a user '${asked.name}' already. Choose another name.`),
    user_default_project_id_fkey: () => notFound('project', String(asked.default_project_id)),
  }
}

/** A default project gives nothing, but to name one is to ask whether it exists. */
async function mustSeeDefault(db: Db, caller: Caller, project_id: string | null | undefined): Promise<void> {
  if (typeof project_id !== 'string') return
  const found = await project.find(db, project_id)
  if (!found || !mayInDomain(caller, 'project.read', found.domain_id)) throw notFound('project', project_id)
}

export async function createUser(cloud: Cloud, caller: Caller, asked: BodyOf<typeof userRoutes.create>): Promise<User> {
  const domain_id = asked.domain_id ?? caller.user_domain_id
  mustManageIn(caller, domain_id, needs, () => notFound('domain', domain_id))
  const password_hash = asked.password === undefined ? null : await makeHash(cloud, asked.password)
  const made = {
    id: makeId<UserId>(cloud),
    domain_id,
    name: asked.name,
    email: asked.email ?? null,
    default_project_id: asked.default_project_id ?? null,
    password_hash,
  }
  return change(cloud, caller, async tx => {
    await mustSeeDefault(tx, caller, asked.default_project_id)
    const created = await onConstraint(user.insert(tx, made), {
      ...broken(asked),
      user_domain_id_fkey: () => notFound('domain', domain_id),
    })
    await record(tx, caller, 'created', made.id)
    return created
  })
}

async function record(tx: Tx, caller: Caller, kind: string, resource_id: string): Promise<void> {
  await event.record(tx, [{ noun: 'user', kind, resource_id, project_id: null, ...by(caller) }])
}

/** The user, when the caller may manage it. */
export async function mustManageUser(db: Db, caller: Caller, id: string): Promise<User> {
  const found = await user.find(db, id)
  if (!found) throw notFound('user', id)
  mustManageIn(caller, found.domain_id, needs, () => notFound('user', id))
  await mustOutrank(db, caller, id)
  return found
}

/** Throws when a change has left nobody who could run the cloud; that ends the transaction. */
export async function mustLeaveAdministrator(tx: Tx): Promise<void> {
  if ((await user.administratorsLeft(tx)) > 0) return
  throw new CloudError(
    'wrong_state',
    'Nobody would be left who could run the cloud: this is the last enabled user with the role admin on the system and a password. Make another first.',
  )
}

/** Locks it. Throws changed_meanwhile when the caller named another version, not_found. */
async function mustBeAt(tx: Tx, caller: Caller, id: string): Promise<void> {
  const version = await user.lock(tx, id)
  if (version === null) throw notFound('user', id)
  checkVersion(caller, version)
}

export function updateUser(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof userRoutes.update>,
): Promise<User> {
  return changeIdentity(cloud, caller, async tx => {
    await mustManageUser(tx, caller, id)
    await mustBeAt(tx, caller, id)
    await mustSeeDefault(tx, caller, asked.default_project_id)
    const updated = await onConstraint(user.update(tx, id, asked), broken(asked))
    if (!updated) throw notFound('user', id)
    if (asked.enabled === false) {
      await mustLeaveAdministrator(tx)
      await session.removeOthers(tx, id, null)
    }
    await record(tx, caller, 'changed', id)
    return updated
  })
}

export function unlockUser(cloud: Cloud, caller: Caller, id: string): Promise<User> {
  return change(cloud, caller, async tx => {
    const found = await mustManageUser(tx, caller, id)
    if (await signInAttempt.forget(tx, `user:${id}`)) await record(tx, caller, 'changed', id)
    return { ...found, locked_until: null }
  })
}

export function deleteUser(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    await mustManageUser(tx, caller, id)
    await mustBeAt(tx, caller, id)
    if (id === caller.user_id) {
      throw new CloudError('wrong_state', 'You cannot delete yourself. Another administrator can.')
    }
    await user.remove(tx, id)
    await mustLeaveAdministrator(tx)
    await signInAttempt.forget(tx, `user:${id}`)
    await record(tx, caller, 'deleted', id)
    return null
  })
}
