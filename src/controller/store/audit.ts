/** Who did what, when, from where, and how it ended. Rows are only ever added; sealing chains them by hash. */
import { sql } from 'kysely'
import type { AuditRow } from '../../api/audit.ts'
import type { Db } from './database.ts'
import { event, type NewEvent } from './event.ts'
import { insertion } from './insert-rows.ts'
import type { Page } from './page.ts'

/** Who did it, by which request. */
export interface AuditedBy {
  readonly user_id: string
  readonly user_name: string
  readonly project_id: string | null
  readonly request: {
    readonly id: string
    readonly address: string
    readonly method: string
    readonly path: string
    /** Route name. */
    readonly action: string
    /** What it was about, where its outcome does not say. */
    readonly about?: string | null
    readonly audit_detail?: Readonly<Record<string, unknown>> | null
  }
}

export interface AuditOutcome {
  outcome: number
  error: string | null
  resource_id: string | null
}

type Done = AuditOutcome & { caller: AuditedBy }

/** Returns the id of the transaction, by which its outcome can be asked for. */
async function record(db: Db, done: readonly Done[]): Promise<string> {
  const { rows } = await sql<{ xid: string }>`
    ${insertion('audit', rowsOf(done))} returning pg_current_xact_id()::text as xid`.execute(db)
  return rows[0]?.xid ?? ''
}

/**
 * The same of what no other event tells of, such as a refusal: with an event of its own, for those who may read the log, all of
 * it or the part of one of these domains.
 */
async function recordAndTell(db: Db, done: Done, domains: readonly (string | null)[]): Promise<void> {
  const { id } = done.caller.request
  const told: NewEvent = {
    ...{ noun: 'audit', kind: 'created', resource_id: id, request_id: id, project_id: null },
    user_id: done.caller.user_id,
    detail: { domains: domains.filter(one => one !== null) },
  }
  await event.record(db, [told], [], [{ table: 'audit', rows: rowsOf([done]) }])
}

function rowsOf(done: readonly Done[]): object[] {
  return done.map(({ caller, outcome, error, resource_id }) => ({
    user_id: caller.user_id,
    user_name: caller.user_name,
    project_id: caller.project_id,
    request_id: caller.request.id,
    address: caller.request.address,
    method: caller.request.method,
    path: caller.request.path,
    action: caller.request.action,
    outcome,
    error,
    resource_id: resource_id ?? caller.request.about ?? null,
    detail: caller.request.audit_detail ?? null,
  }))
}

export interface AuditFilter {
  limit?: number | undefined
  /** The last row of the page before. */
  cursor?: string | undefined
  user_id?: string | undefined
  project_id?: string | undefined
  resource_id?: string | undefined
  action?: string | undefined
  refused?: boolean | undefined
  since?: string | undefined
  until?: string | undefined
}

/** Newest first. `domains`: whose users' and projects' rows are wanted, or null for all. */
async function list(db: Db, domains: readonly string[] | null, asked: AuditFilter): Promise<Page<AuditRow>> {
  const limit = asked.limit ?? 100
  let query = db
    .selectFrom('audit')
    .select(['seq', 'at', 'user_id', 'user_name', 'project_id', 'request_id', 'address', 'method', 'path', 'action'])
    .select(['resource_id', 'outcome', 'error', 'detail', sql<boolean>`sealed_seq is not null`.as('sealed')])
  if (domains) {
    const theirs = sql`any(${domains}::uuid[])`
    query = query.where(
      sql<boolean>`(project_id in (select id from project where domain_id = ${theirs})
        or user_id in (select id from "user" where domain_id = ${theirs}))`,
    )
  }
  if (asked.cursor !== undefined) query = query.where('seq', '<', Number(asked.cursor))
  if (asked.user_id !== undefined) query = query.where('user_id', '=', asked.user_id)
  if (asked.project_id !== undefined) query = query.where('project_id', '=', asked.project_id)
  if (asked.resource_id !== undefined) query = query.where('resource_id', '=', asked.resource_id)
  if (asked.action !== undefined) query = query.where('action', '=', asked.action)
  if (asked.refused !== undefined) query = query.where('outcome', asked.refused ? '>=' : '<', 400)
  if (asked.since !== undefined) query = query.where('at', '>=', new Date(asked.since))
  if (asked.until !== undefined) query = query.where('at', '<', new Date(asked.until))
  const rows = await query
    .orderBy('seq', 'desc')
    .limit(limit + 1)
    .execute()
  const items = rows.slice(0, limit).map(row => ({ ...row, at: row.at.toISOString() }))
  return { items, next: rows.length > limit ? String(items.at(-1)?.seq) : null }
}

export const audit = { record, recordAndTell, list }
