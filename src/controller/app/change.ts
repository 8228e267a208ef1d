/**
 * The one way to change anything on a user's behalf: one transaction that holds the change, its audit row, and what an
 * Idempotency-Key shall answer when it is used again. Either all of it is there afterwards or nothing.
 */
import type { Cloud } from '../cloud.ts'
import { CloudError } from '../../model/errors.ts'
import { audit } from '../store/audit.ts'
import type { Tx } from '../store/database.ts'
import { idempotency } from '../store/idempotency.ts'
import type { Caller } from './caller.ts'

/**
 * Runs `work`, whose result is the body of the answer (a JSON value). With an Idempotency-Key that was used before for
 * the same request, the first answer is returned and `work` is not run. A second request with the key while the first
 * is under way waits for it. Throws idempotency_mismatch when the key stands for a different request.
 */
export function change<T>(cloud: Cloud, caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> {
  const { request } = caller
  return cloud.database.transaction(async tx => {
    if (request.idempotency_key !== null) {
      const before = await idempotency.claim(tx, caller.user_id, request.idempotency_key, request.sha256)
      if (before === 'mismatch') {
        throw new CloudError(
          'idempotency_mismatch',
          'This Idempotency-Key was used before for a different request. Use a new key for a new request.',
        )
      }
      if (before !== 'new') return before.body as T
    }
    const body = await work(tx)
    await audit.record(tx, caller, { outcome: request.status, error: null, resource_id: resourceIdOf(body) })
    if (request.idempotency_key !== null) {
      await idempotency.keep(tx, caller.user_id, request.idempotency_key, request.status, body)
    }
    return body
  })
}

function resourceIdOf(body: unknown): string | null {
  return typeof body === 'object' && body !== null && 'id' in body && typeof body.id === 'string' ? body.id : null
}

/** For answers that hold a secret, which must not be kept for an Idempotency-Key: asked twice, there are two. */
export function withoutKey(caller: Caller): Caller {
  return { ...caller, request: { ...caller.request, idempotency_key: null } }
}
