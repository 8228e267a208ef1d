/**
 * Statements that are sent again and again are planned once per connection: PostgreSQL spends more time on planning a short
 * statement than on running it. Those of many parameters are made for one batch and are not kept. Left to itself PostgreSQL would plan
 * anew, at each call, whatever seems cheaper once its parameters are known: half of its work (docs/design/0010). So it is told not to.
 * A plan whose result has changed its shape (a newer controller has added a column) is refused by PostgreSQL
 * ("cached plan must not change result type"); then all plans are made anew.
 * A plan that is kept knows no parameter's value: what must match an index's own condition (ON CONFLICT … WHERE, a partial
 * index) is written into the statement and not given as a parameter. Pages of lists, and what is searched for, are planned as PostgreSQL
 * sees fit: how they are best done depends on how many rows their values find (but for those that end with `plan_is_kept`).
 * A plan that was made while a table was small is made anew within a minute, or when autovacuum has counted, whatever comes first.
 *
 * A transaction begins with its first statement. One in which nothing is asked costs nothing. Whatever is asked in one turn of the event
 * loop on one connection goes in one write, so that PostgreSQL wakes up once (atOnce in database.ts).
 */
import { createHash } from 'node:crypto'
import pg from 'pg'

/** PostgreSQL keeps each on each connection: bounded, however many shapes of a list are asked for. */
const kept_max = 400
const parameters_max = 64
/** What comes only now and then is not worth keeping. */
const seen_min = 3
/** How old a plan becomes. Making those of a controller under load anew takes a connection some 20 ms. */
const plan_ms_max = 60_000

/** For each connection: the plans that are kept know no values. */
export const planning = { plan_cache_mode: 'force_generic_plan' }

/** By how much they find, which only their values tell, they are to be planned. */
const searches = (text: string) => text.includes(' ilike ') || text.includes(' between ')
export const isPage = (text: string) => /\blimit \$?\d+\s*$/.test(text)
/** Ends a page of which it is known that its values tell nothing: in the order of an index, with its limit written out. */
export const plan_is_kept = '/* its plan is kept */'

/** How a statement is sent. */
interface Sent {
  /** Under which it is kept. */
  name?: string
  /** Planned as PostgreSQL sees fit. */
  freely: boolean
}

/** The names of the statements of one database. */
class Names {
  /** How often each text was seen that has no name yet. */
  private readonly seen = new Map<string, number>()
  private readonly named = new Map<string, Sent>()
  private epoch = 0

  of(text: string): Sent {
    const known = this.named.get(text)
    if (known) return known
    const freely = searches(text) || isPage(text)
    if (searches(text) || this.named.size >= kept_max) return { freely }
    const times = (this.seen.get(text) ?? 0) + 1
    if (times < seen_min) {
      if (this.seen.size >= 10 * kept_max) this.seen.clear()
      this.seen.set(text, times)
      return { freely }
    }
    this.seen.delete(text)
    const name = `${this.epoch}.${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`
    const sent = { name, freely }
    this.named.set(text, sent)
    return sent
  }

  /** No plan that was kept so far is used again; connections drop theirs when they close. */
  forget(): void {
    this.epoch += 1
    this.named.clear()
  }
}

/** Whether PostgreSQL refused a kept plan because what the statement returns has another shape now. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof Error && error.message.includes('cached plan must not change result type')
}

type Query = (text: unknown, values?: unknown, callback?: unknown) => unknown

const nothing = { command: '', rows: [], rowCount: null, oid: 0, fields: [] }

/** Goes with what is asked: should it fail, then so does that. */
const beside = (asked: unknown) =>
  (asked as Promise<unknown>).catch(() => {
    // Said by the other.
  })

/** The kind of client that a pool is to use so that statements which come often are planned once. */
export function preparingClient(age_ms_max = plan_ms_max): typeof pg.Client {
  const names = new Names()
  return class PreparingClient extends pg.Client {
    /** A transaction was begun here and PostgreSQL does not know yet. */
    #beginning = false
    #corked = false
    #planned_ms = performance.now()

    constructor(config?: string | pg.ClientConfig) {
      super({ ...(typeof config === 'string' ? { connectionString: config } : config), pipeline: true })
      const query = super.query.bind(this) as Query
      const prepared: Query = (text, values, callback) => {
        if (typeof text !== 'string' || !Array.isArray(values) || values.length > parameters_max || callback) {
          return query(text, values, callback)
        }
        const { name, freely } = names.of(text)
        this.#forgetOld(query)
        const ask = () => query({ text, values, ...(name !== undefined && { name }) })
        const asked = freely ? this.#freely(query, ask) : ask()
        if (name === undefined) return asked
        return (asked as Promise<unknown>).catch((error: unknown) => {
          if (!isStalePlan(error)) throw error
          names.forget()
          // Within a transaction, which is spoilt now, all of it has to be done again: runTransaction does.
          if (this.getTransactionStatus() !== 'I') throw error
          return query(text, values)
        })
      }
      const begun: Query = (text, values, callback) => {
        if (text === 'begin' && !callback) {
          this.#beginning = true
          return Promise.resolve(nothing)
        }
        if (!this.#beginning) return prepared(text, values, callback)
        this.#beginning = false
        if (text === 'commit' || text === 'rollback') return Promise.resolve(nothing)
        const beginning = query('begin') as Promise<unknown>
        return Promise.all([beginning, prepared(text, values)]).then(([, result]) => result)
      }
      const together: Query = (text, values, callback) => {
        this.#cork()
        return begun(text, values, callback)
      }
      Object.assign(this, { query: together })
    }

    /** All three go at once. A transaction that fails takes back the setting with all else. */
    #freely(query: Query, ask: () => unknown): unknown {
      void beside(query('set plan_cache_mode = auto'))
      const asked = ask()
      void beside(query(`set plan_cache_mode = ${planning.plan_cache_mode}`))
      return asked
    }

    #forgetOld(query: Query): void {
      const now_ms = performance.now()
      if (now_ms - this.#planned_ms < age_ms_max) return
      this.#planned_ms = now_ms
      void beside(query('discard plans'))
    }

    /** Until all that can be asked now has been asked. */
    #cork(): void {
      if (this.#corked) return
      const { stream } = this.connection
      this.#corked = true
      stream.cork()
      process.nextTick(() => {
        this.#corked = false
        stream.uncork()
      })
    }
  }
}
