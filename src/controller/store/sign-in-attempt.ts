/**
 * How many wrong passwords came for an account, and from an address. An attempt is counted before its password is
 * checked, and taken back when it was right: so however many guess at once, no more are checked than the limit says.
 */
import { sql } from 'kysely'
import type { Db } from './database.ts'

export interface AttemptLimit {
  attempts_max: number
  lock_minutes: number
}

/**
 * Counts one attempt. Returns null when it may go on, or until when the key is locked. Failures older than the lock
 * lasts are forgotten; the attempt that reaches the limit locks the key (and unlocks it when it turns out right).
 */
async function claim(db: Db, key: string, limit: AttemptLimit): Promise<Date | null> {
  const lock = sql`make_interval(mins => ${limit.lock_minutes}::int)`
  const counted = sql`(case when a.locked_until is not null or a.last_at < croft_now() - ${lock} then 1 else a.failed + 1 end)`
  const max = sql`${limit.attempts_max}::int`
  const { rows } = await sql<{ failed: number }>`
    insert into sign_in_attempt as a (key, failed, locked_until)
    values (${key}, 1, case when 1 >= ${max} then croft_now() + ${lock} end)
    on conflict (key) do update set failed = ${counted}, last_at = croft_now(),
      locked_until = case when ${counted} >= ${max} then croft_now() + ${lock} end
    where a.locked_until is null or a.locked_until <= croft_now()
    returning a.failed`.execute(db)
  if (rows.length > 0) return null
  const locked = await db.selectFrom('sign_in_attempt').select('locked_until').where('key', '=', key).executeTakeFirst()
  // Unlocked between the two statements: the next try gets through.
  return locked?.locked_until ?? new Date()
}

/** The account's password was right, or an administrator unlocked it: nothing is counted any more. */
async function forget(db: Db, key: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('sign_in_attempt').where('key', '=', key).executeTakeFirst()
  return numDeletedRows === 1n
}

/** Takes one attempt back, and only one: a right password of one account does not excuse guesses at others. */
async function takeBack(db: Db, key: string): Promise<void> {
  await sql`update sign_in_attempt set failed = greatest(failed - 1, 0), locked_until = null where key = ${key}`.execute(
    db,
  )
}

export const signInAttempt = { claim, forget, takeBack }
