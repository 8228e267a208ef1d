/** Security groups and their rules in the database. */
import { type Selectable, sql } from 'kysely'
import type { SecurityGroup, SecurityGroupRule } from '../../api/security-group.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'
import type { SecurityGroupRuleTable, SecurityGroupTable } from './schema.ts'

export type SecurityGroupRow = Selectable<SecurityGroupTable>

function toRule(row: Selectable<SecurityGroupRuleTable>): SecurityGroupRule {
  return { ...row, created_at: row.created_at.toISOString() }
}

/** The rules of groups, in the order of their making. One query for all. */
async function rulesOf(db: Db, ids: readonly string[]): Promise<Map<string, SecurityGroupRule[]>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('security_group_rule')
    .selectAll()
    .where(sql<boolean>`security_group_id = any(${[...ids]}::uuid[])`)
    .orderBy('id')
    .execute()
  return Map.groupBy(rows.map(toRule), rule => rule.security_group_id)
}

async function withRules(db: Db, rows: readonly SecurityGroupRow[]): Promise<SecurityGroup[]> {
  const rules = await rulesOf(
    db,
    rows.map(row => row.id),
  )
  return rows.map(row => ({ ...row, created_at: row.created_at.toISOString(), rules: rules.get(row.id) ?? [] }))
}

async function list(
  db: Db,
  project_id: string | null,
  asked: PageAsked & { name?: string | undefined },
): Promise<Page<SecurityGroup>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('security_group').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where('project_id', '=', project_id)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  const rows = await query
    .orderBy(keys.order_by)
    .limit(keys.limit + 1)
    .execute()
  const { items, next } = keys.toPage(rows)
  return { items: await withRules(db, items), next }
}

async function find(db: Db, id: string): Promise<SecurityGroup | null> {
  const row = await db.selectFrom('security_group').selectAll().where('id', '=', id).executeTakeFirst()
  const [found] = row ? await withRules(db, [row]) : []
  return found ?? null
}

async function lock(tx: Tx, id: string): Promise<SecurityGroupRow | null> {
  return (await tx.selectFrom('security_group').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

/** Throws the database's own error (constraint security_group_project_id_name_key) when the name is taken. */
async function insert(
  tx: Tx,
  made: Pick<SecurityGroupRow, 'id' | 'project_id' | 'name' | 'description'>,
): Promise<void> {
  await tx.insertInto('security_group').values(made).execute()
}

async function update(tx: Tx, id: string, set: Partial<Pick<SecurityGroupRow, 'name' | 'description'>>): Promise<void> {
  await tx
    .updateTable('security_group')
    .set({ ...set, version: sql`version + 1` })
    .where('id', '=', id)
    .execute()
}

/** Takes the rules away that let in from this group; the groups that had such rules, other than itself. */
async function forgetRemote(tx: Tx, id: string): Promise<{ id: string; project_id: string }[]> {
  const { rows } = await sql<{ id: string; project_id: string }>`
    with gone as (
      delete from security_group_rule where remote_group_id = ${id} and security_group_id <> ${id} returning security_group_id
    )
    update security_group g set version = g.version + 1 where g.id in (select security_group_id from gone)
    returning g.id, g.project_id`.execute(tx)
  return rows
}

/** Throws the database's own error (port_security_group_security_group_id_fkey) when a port is in it. */
async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('security_group').where('id', '=', id).execute()
}

async function portCount(db: Db, id: string): Promise<number> {
  const row = await db
    .selectFrom('port_security_group')
    .select(eb => eb.fn.countAll<number>().as('count'))
    .where('security_group_id', '=', id)
    .executeTakeFirstOrThrow()
  return row.count
}

async function ruleCount(db: Db, id: string): Promise<number> {
  const row = await db
    .selectFrom('security_group_rule')
    .select(eb => eb.fn.countAll<number>().as('count'))
    .where('security_group_id', '=', id)
    .executeTakeFirstOrThrow()
  return row.count
}

async function removeRule(tx: Tx, security_group_id: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('security_group_rule')
    .where('security_group_id', '=', security_group_id)
    .where('id', '=', id)
    .executeTakeFirst()
  return numDeletedRows === 1n
}

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
    .where(sql<boolean>`is_default`)
    .executeTakeFirst()
  return row?.id ?? null
}

/**
 * Adds the project's default group unless it has one; true when it was added. Waits for one who adds it right now: by whichever index
 * PostgreSQL meets that one, the default of a project or its name. A conflict with another index than the one named would be an error.
 */
async function insertDefault(tx: Tx, group: { id: string; project_id: string; description: string }): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('security_group')
    .values({ ...group, name: 'default', is_default: true })
    .onConflict(conflict => conflict.doNothing())
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

/** Those of the groups that have this address in them: of instances' ports with port security, as OVN has it. */
async function groupsWithAddress(db: Db, ids: readonly string[], address: string): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select distinct g.security_group_id as id from port_security_group g
    join port p on p.id = g.port_id join port_address a on a.port_id = p.id
    where g.security_group_id = any(${[...ids]}::uuid[]) and a.address = ${address}::inet
      and p.kind = 'instance' and p.port_security`.execute(db)
  return new Set(rows.map(row => row.id))
}

/** Groups by their ids, of any project. */
async function byIds(db: Db, ids: readonly string[]): Promise<SecurityGroup[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('security_group')
    .selectAll()
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .orderBy('name')
    .execute()
  return await withRules(db, rows)
}

export const securityGroup = {
  byIds,
  groupsWithAddress,
  list,
  find,
  lock,
  insert,
  update,
  forgetRemote,
  remove,
  portCount,
  ruleCount,
  removeRule,
  findDefault,
  insertDefault,
  insertRules,
  known,
}
