/**
 * Changes on a user's behalf that take many transactions, after any of which the controller may die or the database go away. That it was begun is in the
 * audit log before anything is changed, and who asks again goes on with what is left; what came of each step, surely.ts finds out.
 */
import { audit } from '../store/audit.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { idempotency } from '../store/idempotency.ts'
import type { Caller } from './caller.ts'
import { otherRequest } from './change.ts'
import { surely, surelyDone } from './surely.ts'

/** `answered`: by an earlier request with the same Idempotency-Key. `found`: it is begun; null: there is nothing to do. */
export type Begun<F> = { answered: unknown } | { found: F | null }

/** Looks whether it may be done at all, by `look`, which changes nothing and throws why not, and writes the audit row if there is anything to do. */
export function begin<F>(cloud: Cloud, caller: Caller, look: (tx: Tx) => Promise<F | null>): Promise<Begun<F>> {
  const { idempotency_key: key, sha256, status } = caller.request
  return surely<Begun<F>>(cloud, async (tx, done) => {
    const before = key === null ? 'new' : await idempotency.find(tx, caller.user_id, key, sha256)
    if (before === 'mismatch') throw otherRequest()
    if (before !== 'new') return { answered: before.body }
    const begun = { found: await look(tx) }
    if (begun.found !== null) {
      done(await audit.record(tx, [{ caller, outcome: status, error: null, resource_id: null }]), begun)
    }
    return begun
  })
}

/** Begins it and runs `steps`, whose result is the body of the answer (a JSON value). */
export async function changeInSteps<F, T>(
  cloud: Cloud,
  caller: Caller,
  look: (tx: Tx) => Promise<F>,
  steps: (found: F) => Promise<T>,
): Promise<T> {
  const begun = await begin(cloud, caller, look)
  if ('answered' in begun) return begun.answered as T
  const body = await steps(begun.found as F)
  await keepAnswer(cloud, caller, body)
  return body
}

/**
 * For when the key is used again. All is done by now, so an answer that cannot be kept is given all the same. Of two with one key at once the first's is
 * kept, and each is told what it did itself.
 */
async function keepAnswer(cloud: Cloud, { user_id, request }: Caller, body: unknown): Promise<void> {
  const { id, idempotency_key: key, sha256, status } = request
  if (key === null) return
  try {
    await surelyDone(cloud, async tx => {
      const before = await idempotency.claim(tx, user_id, key, sha256)
      if (before === 'new') await idempotency.keep(tx, user_id, key, status, body)
    })
  } catch (error) {
    cloud.log.warn({ err: error, request_id: id }, 'what was answered could not be kept for its Idempotency-Key')
  }
}
