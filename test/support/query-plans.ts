/** What PostgreSQL did for a query: which rows of which table it read. */
import assert from 'node:assert/strict'
import pg from 'pg'
import { isPage, planning } from '../../src/controller/store/prepared.ts'

export interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  Plans?: Plan[]
}

export function* nodesOf(plan: Plan): Generator<Plan> {
  yield plan
  for (const inner of plan.Plans ?? []) yield* nodesOf(inner)
}

function planIn(rows: unknown[]): Plan {
  const plan = (rows[0] as { 'QUERY PLAN': { Plan: Plan }[] })['QUERY PLAN'][0]?.Plan
  assert.ok(plan)
  return plan
}

/** As text, which PostgreSQL reads as the parameter's type. */
function literal(value: unknown): string {
  if (value === null) return 'null'
  return pg.escapeLiteral(
    Array.isArray(value) ? `{${value.map(one => JSON.stringify(String(one))).join()}}` : String(value),
  )
}

let plans = 0

export async function queryPlan(pool: pg.Pool, text: string, parameters: readonly unknown[]): Promise<Plan> {
  const { rows } = await pool.query(`explain (analyze, format json) ${text}`, [...parameters])
  return planIn(rows)
}

/** As PostgreSQL runs it once it was asked often: without a look at the parameters (store/prepared.ts). */
export async function keptQueryPlan(pool: pg.Pool, text: string, parameters: readonly unknown[]): Promise<Plan> {
  const client = await pool.connect()
  try {
    const name = `kept_${plans++}`
    const values = [...parameters]
    await client.query(`set plan_cache_mode = ${isPage(text) ? 'auto' : planning.plan_cache_mode}`)
    for (let n = 0; n < 6; n++) await client.query({ name, text, values })
    const literals = values.map(value => literal(value)).join(', ')
    const { rows } = await client.query(`explain (analyze, format json) execute ${name}${literals && `(${literals})`}`)
    return planIn(rows)
  } finally {
    await client.query('reset plan_cache_mode')
    client.release()
  }
}
