/** Security groups and their rules in the database. */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

export interface NewRule {
  id: string
  direction: 'ingress' | 'egress'
  ethertype: 'ipv4' | 'ipv6'
  protocol: string | null
  port_min: number | null
  port_max: number | null
  remote_cidr: string | null
  remote_group_id: string | null
  description: string
}

async function findDefault(db: Db, project_id: string): Promise<string | null> {
  const row = await db
    .selectFrom('security_group')
    .select('id')
    .where('project_id', '=', project_id)
    .where('is_default', '=', true)
    .executeTakeFirst()
  return row?.id ?? null
}

/** Adds the project's default group unless it has one; true when it was added. Waits for one who adds it right now. */
async function insertDefault(tx: Tx, group: { id: string; project_id: string; description: string }): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('security_group')
    .values({ ...group, name: 'default', is_default: true })
    .onConflict(conflict => conflict.column('project_id').where('is_default', '=', true).doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

async function insertRules(tx: Tx, security_group_id: string, rules: readonly NewRule[]): Promise<void> {
  if (rules.length === 0) return
  await tx
    .insertInto('security_group_rule')
    .values(rules.map(rule => ({ ...rule, security_group_id })))
    .execute()
}

/** Those of the ids that are groups of the project. */
async function known(db: Db, project_id: string, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from security_group where project_id = ${project_id} and id = any(${ids}::uuid[])`.execute(db)
  return new Set(rows.map(row => row.id))
}

export const securityGroup = { findDefault, insertDefault, insertRules, known }
