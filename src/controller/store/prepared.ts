/**
 * Statements that are sent again and again are planned once per connection: PostgreSQL spends more time on planning a short
 * statement than on running it. Those of many parameters are made for one batch and are not kept.
 * A plan whose result has changed its shape (a newer controller has added a column) is refused by PostgreSQL
 * ("cached plan must not change result type"); then all plans are made anew.
 */
import { createHash } from 'node:crypto'
import pg from 'pg'

/** PostgreSQL keeps each on each connection: bounded, however many shapes of a list are asked for. */
const kept_max = 400
const parameters_max = 64
/** What comes only now and then is not worth keeping. */
const seen_min = 3

/** How often each text was seen; undefined once it has a name. */
const seen = new Map<string, number>()
const names = new Map<string, string>()
let epoch = 0

function nameOf(text: string): string | undefined {
  const name = names.get(text)
  if (name !== undefined) return name
  if (names.size >= kept_max) return undefined
  const times = (seen.get(text) ?? 0) + 1
  if (times < seen_min) {
    if (seen.size >= 10 * kept_max) seen.clear()
    seen.set(text, times)
    return undefined
  }
  seen.delete(text)
  const made = `${epoch}.${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`
  names.set(text, made)
  return made
}

/** Whether PostgreSQL refused a kept plan because what the statement returns has another shape now. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof Error && error.message.includes('cached plan must not change result type')
}

/** No plan that was kept so far is used again; connections drop theirs when they close. */
function forgetPlans(): void {
  epoch += 1
  names.clear()
}

type Query = (text: unknown, values?: unknown, callback?: unknown) => unknown

/** A client that names the statements which come often, so that they are planned once. */
export class PreparingClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config)
    const query = super.query.bind(this) as Query
    const prepared: Query = (text, values, callback) => {
      if (typeof text !== 'string' || !Array.isArray(values) || values.length > parameters_max || callback) {
        return query(text, values, callback)
      }
      const name = nameOf(text)
      if (name === undefined) return query(text, values)
      return (query({ text, values, name }) as Promise<unknown>).catch((error: unknown) => {
        if (!isStalePlan(error)) throw error
        forgetPlans()
        // Within a transaction, which is spoilt now, all of it has to be done again: runTransaction does.
        if (this.getTransactionStatus() !== 'I') throw error
        return query(text, values)
      })
    }
    Object.assign(this, { query: prepared })
  }
}
