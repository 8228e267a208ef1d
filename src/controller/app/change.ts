/**
 * The one way to change anything on a user's behalf: one transaction that holds the change, its audit row, and what an
 * Idempotency-Key shall answer when it is used again. Either all of it is there afterwards or nothing; which of the two, when the
 * database goes away at the wrong moment, surely.ts finds out. Not its job: what cannot be one transaction (change-in-steps.ts).
 */
import { databaseBusy, isDatabaseAway } from '../../lib/database-away.ts'
import { surely } from './surely.ts'
import type { Cloud } from '../cloud.ts'
import { CloudError } from '../../model/errors.ts'
import { audit } from '../store/audit.ts'
import type { Tx } from '../store/database.ts'
import { idempotency } from '../store/idempotency.ts'
import type { Caller } from './caller.ts'

/**
 * Writes the audit rows of the requests, given what each is about: for work that knows it before its answer, and sends this along with
 * its last statements (atOnce). Otherwise they are written once the work is done.
 */
export type WriteAudit = (part: Tx, resource_ids: readonly (string | null)[]) => Promise<void>

/** Has the audit row of a single request tell this, beside what was asked for: what an update has changed, from what to what (changed.ts). */
export type NoteAudit = (detail: Readonly<Record<string, unknown>> | null) => void

/** The audit rows of one transaction's requests, which are written once. */
function auditOf(callers: readonly Caller[]): {
  write: WriteAudit
  note: NoteAudit
  ofBodies(tx: Tx, bodies: unknown[]): Promise<string>
} {
  let written: string | undefined
  let noted: Readonly<Record<string, unknown>> | null = null
  const told = (caller: Caller): Caller => {
    const { request } = caller
    return noted ? { ...caller, request: { ...request, audit_detail: { ...request.audit_detail, ...noted } } } : caller
  }
  const write = async (tx: Tx, resource_ids: readonly (string | null)[]) => {
    const rows = callers.map((caller, n) => ({
      caller: told(caller),
      outcome: caller.request.status,
      error: null,
      resource_id: resource_ids[n] ?? null,
    }))
    return (written = await audit.record(tx, rows))
  }
  return {
    write: async (part, resource_ids) => void (await write(part, resource_ids)),
    note: detail => void (noted = detail),
    ofBodies: async (tx, bodies) => written ?? (await write(tx, bodies.map(resourceIdOf))),
  }
}

/**
 * Runs `work`, whose result is the body of the answer (a JSON value). With an Idempotency-Key that was used before for
 * the same request, the first answer is returned and `work` is not run. A second request with the key while the first
 * is under way waits for it. Throws idempotency_mismatch when the key stands for a different request.
 */
export function change<T>(
  cloud: Cloud,
  caller: Caller,
  work: (tx: Tx, writeAudit: WriteAudit, noteAudit: NoteAudit) => Promise<T>,
): Promise<T> {
  const { request } = caller
  return surely(cloud, async (tx, done) => {
    if (request.idempotency_key !== null) {
      const before = await idempotency.claim(tx, caller.user_id, request.idempotency_key, request.sha256)
      if (before === 'mismatch') throw otherRequest()
      if (before !== 'new') return before.body as T
    }
    const rows = auditOf([caller])
    const body = await work(tx, rows.write, rows.note)
    done(await rows.ofBodies(tx, [body]), body)
    if (request.idempotency_key !== null) {
      await idempotency.keep(tx, caller.user_id, request.idempotency_key, request.status, body)
    }
    return body
  })
}

/**
 * As `change`, for several requests in one transaction: `work` returns a body for each. When any of them was asked before
 * by its Idempotency-Key, it throws and changes nothing: they have to be done one by one.
 */
export function changeTogether<T>(
  cloud: Cloud,
  callers: readonly Caller[],
  work: (tx: Tx, writeAudit: WriteAudit) => Promise<T[]>,
): Promise<T[]> {
  const [first] = callers
  if (first && callers.length === 1)
    return change(cloud, first, (tx, writeAudit) => work(tx, writeAudit).then(([body]) => body as T)).then(body => [
      body,
    ])
  return surely(cloud, async (tx, done) => {
    const keyed = callers.flatMap(({ user_id, request }, n) =>
      request.idempotency_key === null
        ? []
        : [{ n, user_id, key: request.idempotency_key, request_sha256: request.sha256, status: request.status }],
    )
    if (!(await idempotency.claimAll(tx, keyed))) throw new Error('one of these was asked before')
    const rows = auditOf(callers)
    const bodies = await work(tx, rows.write)
    done(await rows.ofBodies(tx, bodies), bodies)
    await idempotency.keepAll(
      tx,
      keyed.map(({ n, user_id, key, status }) => ({ user_id, key, status, body: bodies[n] })),
    )
    return bodies
  })
}

export function otherRequest(): CloudError {
  return new CloudError(
    'idempotency_mismatch',
    'This Idempotency-Key was used before for a different request. Use a new key for a new request.',
  )
}

/** Of the thing that is answered, or of the only one that was made. Without one the request's path says what it was about. */
function resourceIdOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null
  if ('id' in body) return typeof body.id === 'string' ? body.id : null
  return 'items' in body && Array.isArray(body.items) && body.items.length === 1 ? resourceIdOf(body.items[0]) : null
}

/** For answers that hold a secret, which must not be kept for an Idempotency-Key: asked twice, there are two. */
export function withoutKey(caller: Caller): Caller {
  return { ...caller, request: { ...caller.request, idempotency_key: null } }
}

/**
 * Whether requests that failed together may be done one by one. Not when the database went away: their transaction may have
 * been committed, and they would be done twice. Nor when they have waited for too long: each would wait as long again, one after the other.
 */
export const mayRedo = (error: unknown): boolean => !isDatabaseAway(error) && databaseBusy(error) === null
