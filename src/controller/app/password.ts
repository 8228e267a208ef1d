/** Changing passwords. A change signs the user out everywhere else. */
import type { userRoutes } from '../../api/user.ts'
import type { BodyOf } from '../../api/route.ts'
import { checkPassword } from '../../lib/password.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { event } from '../store/event.ts'
import { session } from '../store/session.ts'
import { signInAttempt } from '../store/sign-in-attempt.ts'
import { user } from '../store/user.ts'
import { by, type Caller } from './caller.ts'
import { changeIdentity } from './holders.ts'
import { makeHash, whenHashing } from './hashing.ts'
import { claimAttempt, excuseAddress } from './sign-in.ts'
import { mustManageUser } from './user.ts'

/** One's own password with the old one; another's as an administrator who may do at least as much as that user. */
export async function setPassword(
  cloud: Cloud,
  caller: Caller,
  own_sha256: Uint8Array,
  id: string,
  asked: BodyOf<typeof userRoutes.password>,
): Promise<null> {
  const mine = id === caller.user_id
  if (mine) await checkOld(cloud, caller, asked.old_password)
  else await mustManageUser(cloud.database.db, caller, id)
  const password_hash = await makeHash(cloud, asked.password)
  return changeIdentity(cloud, caller, async tx => {
    if (!mine) await mustManageUser(tx, caller, id)
    await user.setPassword(tx, id, password_hash)
    await session.removeOthers(tx, id, mine ? own_sha256 : null)
    await signInAttempt.forget(tx, `user:${id}`)
    await event.record(tx, [{ noun: 'user', kind: 'changed', resource_id: id, project_id: null, ...by(caller) }])
    return null
  })
}

/** A stolen token must not be a way to guess the password: attempts count as those at sign-in do. */
async function checkOld(cloud: Cloud, caller: Caller, old: string | undefined): Promise<void> {
  if (old === undefined) {
    throw new CloudError('invalid', 'To change your own password, give the old one too: old_password.')
  }
  const { user_id } = caller
  const right = await whenHashing(user_id, async () => {
    await cloud.database.transaction(tx => claimAttempt(cloud, tx, `user:${user_id}`, caller.request.address))
    return checkPassword(old, await user.passwordHash(cloud.database.db, user_id))
  })
  if (!right) throw new CloudError('sign_in_refused', 'The old password is not right.')
  await signInAttempt.forget(cloud.database.db, `user:${user_id}`)
  await excuseAddress(cloud, caller.request.address)
}
