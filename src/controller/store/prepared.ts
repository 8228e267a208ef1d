/**
 * Statements that are sent again and again are planned once per connection: PostgreSQL spends more time on planning a short
 * statement than on running it. Those of many parameters are made for one batch and are not kept.
 * A plan whose result has changed its shape (a newer controller has added a column) is refused by PostgreSQL
 * ("cached plan must not change result type"); then all plans are made anew.
 * A plan that is kept knows no parameter's value: what must match an index's own condition (ON CONFLICT … WHERE, a partial
 * index) is written into the statement and not given as a parameter.
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

/** The names of the statements of one database. */
class Names {
  /** How often each text was seen that has no name yet. */
  private readonly seen = new Map<string, number>()
  private readonly names = new Map<string, string>()
  private epoch = 0

  /** None for what is searched for: by how much it finds, which only its values tell, it is to be planned. */
  of(text: string): string | undefined {
    if (text.includes(' ilike ') || text.includes(' between ')) return undefined
    const name = this.names.get(text)
    if (name !== undefined) return name
    if (this.names.size >= kept_max) return undefined
    const times = (this.seen.get(text) ?? 0) + 1
    if (times < seen_min) {
      if (this.seen.size >= 10 * kept_max) this.seen.clear()
      this.seen.set(text, times)
      return undefined
    }
    this.seen.delete(text)
    const made = `${this.epoch}.${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`
    this.names.set(text, made)
    return made
  }

  /** No plan that was kept so far is used again; connections drop theirs when they close. */
  forget(): void {
    this.epoch += 1
    this.names.clear()
  }
}

/** Whether PostgreSQL refused a kept plan because what the statement returns has another shape now. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof Error && error.message.includes('cached plan must not change result type')
}

type Query = (text: unknown, values?: unknown, callback?: unknown) => unknown

const nothing = { command: '', rows: [], rowCount: null, oid: 0, fields: [] }

/** The kind of client that a pool is to use so that statements which come often are planned once. */
export function preparingClient(): typeof pg.Client {
  const names = new Names()
  return class PreparingClient extends pg.Client {
    /** A transaction was begun here and PostgreSQL does not know yet. */
    #beginning = false
    #corked = false

    constructor(config?: string | pg.ClientConfig) {
      super({ ...(typeof config === 'string' ? { connectionString: config } : config), pipeline: true })
      const query = super.query.bind(this) as Query
      const prepared: Query = (text, values, callback) => {
        if (typeof text !== 'string' || !Array.isArray(values) || values.length > parameters_max || callback) {
          return query(text, values, callback)
        }
        const name = names.of(text)
        if (name === undefined) return query(text, values)
        return (query({ text, values, name }) as Promise<unknown>).catch((error: unknown) => {
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
