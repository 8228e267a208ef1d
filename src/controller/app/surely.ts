/**
 * One transaction whose outcome is known even when the connection is lost at its commit, as in a fail-over of the database: it is
 * looked up, not guessed. What was committed is answered as if nothing had been; what surely was not is done again.
 */
import { isDatabaseAway } from '../../lib/database-away.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { outcome } from '../store/outcome.ts'

type Parts = Pick<Cloud, 'database' | 'clock' | 'log'>

/** For a fail-over. Whoever waits longer is told that the outcome is not known, and what to do. */
const look_up_ms_max = 12_000
const look_every_ms = 200
/** A transaction is begun again only while its request is so young: the whole is to be answered in time. */
const again_ms_max = 8000
const attempts_max = 3

/**
 * Runs `work` in a transaction. It says by `done` what the transaction's id is and what it will come to, as the last that may differ
 * from one attempt to the next. Throws what it throws; when the database went away, only if nobody can say what came of it, or
 * that it was not done and is not to be had.
 */
export async function surely<T>(
  cloud: Parts,
  work: (tx: Tx, done: (xid: string, result: T) => void) => Promise<T>,
): Promise<T> {
  const begun_ms = cloud.clock.steady_ms()
  for (let attempt = 1; ; attempt++) {
    const made: { last?: { xid: string; result: T } } = {}
    let begun = false
    try {
      return await cloud.database.transaction(tx => {
        begun = true
        delete made.last
        return work(tx, (xid, result) => (made.last = { xid, result }))
      })
    } catch (error) {
      if (!begun || !isDatabaseAway(error)) throw error
      const { last } = made
      // What was lost before its commit was sent is rolled back.
      const came = last ? await lookUp(cloud, last.xid) : 'aborted'
      if (came === null) throw error
      if (last && came === 'committed') {
        cloud.log.info({ xid: last.xid }, 'the connection was lost at a commit; the database says that it was done')
        return last.result
      }
      if (attempt === attempts_max || cloud.clock.steady_ms() - begun_ms > again_ms_max) throw error
      if (!last) await cloud.clock.sleep(look_every_ms)
    }
  }
}

/** So, of work that writes nothing from which the transaction's id is known: it is asked for last. */
export function surelyDone<T>(cloud: Parts, work: (tx: Tx) => Promise<T>): Promise<T> {
  return surely<T>(cloud, async (tx, done) => {
    const result = await work(tx)
    done(await outcome.idOf(tx), result)
    return result
  })
}

/** Null: it cannot be found out now. Nothing announces a database that is back, so it is asked again and again. */
async function lookUp(cloud: Parts, xid: string): Promise<'committed' | 'aborted' | null> {
  const end_ms = cloud.clock.steady_ms() + look_up_ms_max
  while (cloud.clock.steady_ms() < end_ms) {
    try {
      const came = await outcome.of(cloud.database.db, xid)
      // 'in progress': the server has not noticed yet that nobody is there any more.
      if (came !== 'in progress') return came
    } catch (error) {
      if (!isDatabaseAway(error)) throw error
    }
    await cloud.clock.sleep(look_every_ms)
  }
  return null
}
