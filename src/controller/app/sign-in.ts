/**
 * Signing in with a password. What it must not tell is whether an account exists: an unknown name costs the same time,
 * gets the same answer and is locked after as many guesses as a known one.
 */
import { createHash } from 'node:crypto'
import type { SignedIn, sessionRoutes } from '../../api/session.ts'
import type { BodyOf } from '../../api/route.ts'
import { checkPassword } from '../../lib/password.ts'
import { CloudError, type ErrorDetail } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { audit } from '../store/audit.ts'
import type { Tx } from '../store/database.ts'
import { type Account, session } from '../store/session.ts'
import { signInAttempt } from '../store/sign-in-attempt.ts'
import { addressKey } from './address-key.ts'
import type { Caller } from './caller.ts'
import { whenHashing } from './hashing.ts'
import { type ChosenProject, chooseProject, issueToken } from './session.ts'

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
    const by = callerAs(caller, account, chosen)
    const done = { caller: by, outcome: caller.request.status, error: null, resource_id: account.id }
    await audit.recordAndTell(tx, done, [by.user_domain_id])
    return signedIn
  })
}

function callerAs(caller: Caller, account: Account, chosen: ChosenProject | null): Caller {
  const { id: user_id, name: user_name, domain_id: user_domain_id } = account
  return { ...caller, user_id, user_name, user_domain_id, project_id: chosen?.project.id ?? null }
}

async function checkAccount(
  cloud: Cloud,
  address: string,
  asked: BodyOf<typeof sessionRoutes.create>,
): Promise<Account> {
  const domain = asked.domain ?? 'default'
  const key = createHash('sha256').update(`${domain}\0${asked.user}`).digest('hex')
  const named = { account: `${domain}/${asked.user}` }
  return whenHashing(key, async () => {
    const { db } = cloud.database
    const account = await session.account(db, domain, asked.user)
    const attempt = account ? `user:${account.id}` : `name:${key}`
    await cloud.database.transaction(tx => claimAttempt(cloud, tx, attempt, address, named))
    const right = await checkPassword(asked.password, account?.password_hash ?? null)
    if (!right || !account?.enabled) {
      throw new CloudError(
        'sign_in_refused',
        'The name, domain or password is not right, or the account is disabled. After several failures the account is locked for a while.',
        named,
      )
    }
    await signInAttempt.forget(db, attempt)
    await excuseAddress(cloud, address)
    return account
  })
}

/** Counts an attempt for the account and for the address. Throws locked_out, with `detail`, when either has had too many. */
export async function claimAttempt(
  cloud: Cloud,
  tx: Tx,
  account_key: string,
  address: string,
  detail: ErrorDetail = {},
): Promise<void> {
  const attempts_max = cloud.settings.get('sign_in.attempts_max')
  const lock_minutes = cloud.settings.get('sign_in.lock_minutes')
  const whole = await signInAttempt.claim(tx, `address:${addressKey(address)}`, {
    attempts_max: attempts_max * address_factor,
    lock_minutes,
  })
  if (whole) throw lockedOut('Too many sign-ins from your address failed', whole, detail)
  const one = await signInAttempt.claim(tx, account_key, { attempts_max, lock_minutes })
  if (one) throw lockedOut('Too many sign-ins to this account failed', one, detail)
}

/** The attempt was right: it does not count for the address, but those before it do. */
export async function excuseAddress(cloud: Cloud, address: string): Promise<void> {
  await signInAttempt.takeBack(cloud.database.db, `address:${addressKey(address)}`)
}

function lockedOut(why: string, until: Date, detail: ErrorDetail): CloudError {
  const locked_until = until.toISOString()
  return new CloudError(
    'locked_out',
    `${why}. Try again after ${locked_until.slice(0, 19).replace('T', ' ')} UTC, or have an administrator unlock the account: croft user unlock.`,
    { ...detail, locked_until },
  )
}
