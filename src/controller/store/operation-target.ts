/** What became of each thing that an operation is about. Not its job: ending them (store/operation.ts). */
import { type RawBuilder, sql } from 'kysely'
import type { OperationTarget } from '../../api/operation.ts'
import type { Db } from './database.ts'
import { heldReason } from './held.ts'
import { awayReason } from './operation.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

export interface TargetFilter extends PageAsked {
  operation_id: string
  outcome?: 'open' | NonNullable<OperationTarget['outcome']> | undefined
  /** Only those of these instances. */
  given?: readonly string[] | undefined
}

/** By the primary key, which has the operation and then the thing. Only instances are noted as targets. */
function selectTargets(db: Db) {
  return db
    .selectFrom('operation_target as t')
    .innerJoin('operation as o', 'o.id', 't.operation_id')
    .leftJoin('instance as i', 'i.id', 't.resource_id')
    .leftJoin('host as h', join => join.onRef('h.id', '=', 'i.host_id').on('t.outcome', 'is', null))
    .leftJoin('instance_observed as s', join => join.onRef('s.instance_id', '=', 'i.id').on('t.outcome', 'is', null))
    .select(['t.resource_id as id', 'o.noun', 'i.name', 't.outcome', 't.reason', 'i.held_generation'])
    .select(['s.progress', 'h.name as host_name', 'h.session_controller_id'])
}

type TargetRow = Awaited<ReturnType<ReturnType<typeof selectTargets>['execute']>>[number]

function toTarget(row: TargetRow): OperationTarget {
  const is_open = row.outcome === null
  const progress = is_open ? (row.progress as { step: string; percent: number } | null) : null
  return {
    noun: row.noun,
    resource_id: row.id,
    name: row.name,
    outcome: row.outcome,
    reason: is_open ? waitsFor(row) : row.reason,
    step: progress?.step ?? null,
    percent: is_open ? Math.min(99, Math.floor(progress?.percent ?? 0)) : 100,
  }
}

function waitsFor(row: TargetRow): string | null {
  if (row.held_generation !== null) return heldReason
  return row.host_name !== null && row.session_controller_id === null ? awayReason(row.host_name) : null
}

async function list(db: Db, asked: TargetFilter): Promise<Page<OperationTarget>> {
  const id: RawBuilder<unknown> = sql`t.resource_id`
  const keys = keyset(asked, id)
  let query = selectTargets(db)
    .select(keys.key.as('sort_key'))
    .where('t.operation_id', '=', asked.operation_id)
    .where(keys.where)
  if (asked.outcome === 'open') query = query.where('t.outcome', 'is', null)
  else if (asked.outcome) query = query.where('t.outcome', '=', asked.outcome)
  if (asked.given) query = query.where(sql<boolean>`t.resource_id = any(${[...asked.given]}::uuid[])`)
  return readPage(query, keys, toTarget)
}

export const operationTarget = { list }
