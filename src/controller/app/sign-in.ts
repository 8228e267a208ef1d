/**
 * Signing in with a password. What it must not tell is whether an account exists: an unknown name costs the same time,
 * gets the same answer and is locked after as many guesses as a known one.
 */
import { createHash } from 'node:crypto'
import type { SignedIn, sessionRoutes } from '../../api/session.ts'
import type { BodyOf } from '../../api/route.ts'
import { Gate, GateFull } from '../../lib/gate.ts'
import { checkPassword } from '../../lib/password.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { audit } from '../store/audit.ts'
import type { Db, Tx } from '../store/database.ts'
import { type Account, session } from '../store/session.ts'
import { signInAttempt } from '../store/sign-in-attempt.ts'
import type { Caller } from './caller.ts'
import { type ChosenProject, chooseProject, issueToken } from './session.ts'

/** Each hash takes 64 MiB and a thread: two at once, whatever comes. */
const hashing = new Gate(2, 256)

/** Many accounts may sit behind one address, so an address may fail more often than an account. */
const address_factor = 10

/** Throws sign_in_refused, locked_out (with when it ends), unavailable when too many sign in at once, not_found for the project. */
export async function signIn(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof sessionRoutes.create>,
): Promise<SignedIn> {
  const account = await checkAccount(cloud, caller.request.address, asked)
  const chosen = await chooseProject(cloud.database.db, account, asked.project)
  return cloud.database.transaction(async tx => {
    const signedIn = await issueToken(cloud, tx, account, chosen)
    await audit.record(tx, callerAs(caller, account, chosen), {
      outcome: caller.request.status,
      error: null,
      resource_id: account.id,
    })
    return signedIn
  })
}

function callerAs(caller: Caller, account: Account, chosen: ChosenProject | null): Caller {
  return { ...caller, user_id: account.id, user_name: account.name, project_id: chosen?.project.id ?? null }
}

/** Runs `work`, which hashes a password, when it is its turn. */
export async function whenHashing<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await hashing.pass(key, work)
  } catch (error) {
    if (!(error instanceof GateFull)) throw error
    throw new CloudError('unavailable', 'Too many sign-ins are waiting here already. Try again in a few seconds.')
  }
}

interface Asked {
  domain: string
  user: string
  password: string
}

async function checkAccount(
  cloud: Cloud,
  address: string,
  asked: BodyOf<typeof sessionRoutes.create>,
): Promise<Account> {
  const named: Asked = { domain: asked.domain ?? 'default', user: asked.user, password: asked.password }
  const key = createHash('sha256').update(`${named.domain}\0${named.user}`).digest('hex')
  return whenHashing(key, async () => {
    const { db } = cloud.database
    const account = await session.account(db, named.domain, named.user)
    const keys = { account: account ? `user:${account.id}` : `name:${key}`, address: `address:${address}` }
    await cloud.database.transaction(tx => claim(cloud, tx, keys, named))
    const right = await checkPassword(named.password, account?.password_hash ?? null)
    if (!right || !account?.enabled) {
      throw new CloudError(
        'sign_in_refused',
        'The name, domain or password is not right, or the account is disabled. After several failures the account is locked for a while.',
        { domain: named.domain, user: named.user },
      )
    }
    await excuse(db, keys)
    return account
  })
}

interface AttemptKeys {
  account: string
  address: string
}

async function claim(cloud: Cloud, tx: Tx, keys: AttemptKeys, named: Asked): Promise<void> {
  const attempts_max = cloud.settings.get('sign_in.attempts_max')
  const lock_minutes = cloud.settings.get('sign_in.lock_minutes')
  const whole = await signInAttempt.claim(tx, keys.address, {
    attempts_max: attempts_max * address_factor,
    lock_minutes,
  })
  if (whole) throw lockedOut('Too many sign-ins from your address failed', whole, named)
  const one = await signInAttempt.claim(tx, keys.account, { attempts_max, lock_minutes })
  if (one) throw lockedOut('Too many sign-ins to this account failed', one, named)
}

function lockedOut(why: string, until: Date, { domain, user }: Asked): CloudError {
  const locked_until = until.toISOString()
  return new CloudError(
    'locked_out',
    `${why}. Try again after ${locked_until.slice(0, 19).replace('T', ' ')} UTC, or have an administrator unlock the account: croft user unlock.`,
    { locked_until, domain, user },
  )
}

async function excuse(db: Db, keys: AttemptKeys): Promise<void> {
  await signInAttempt.forget(db, keys.account)
  await signInAttempt.takeBack(db, keys.address)
}
