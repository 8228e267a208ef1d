/** Ports in the database, made many at once. What instances' hosts want of them is in instance-ports.ts. */
import { type Selectable, sql } from 'kysely'
import type { Port } from '../../api/port.ts'
import type { NicModel } from '../../model/nic.ts'
import { type Db, json, type Tx } from './database.ts'
import { portIs } from './found-by.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { PortTable } from './schema.ts'

export type PortKind = 'instance' | 'router' | 'gateway' | 'metadata' | 'floating' | 'free'

export interface NewPort {
  id: string
  network_id: string
  project_id: string
  name?: string
  mac: string
  kind: PortKind
  instance_id?: string | null
  router_id?: string | null
  position?: number
  port_security?: boolean
  allowed_address_pairs?: unknown
  kept?: boolean
  model?: NicModel
  security_group_ids?: readonly string[]
}

/**
 * Adds the ports with their security groups in one statement. Returns the ids added: a port whose MAC another port of
 * its network has is left out.
 */
async function insertMany(tx: Tx, ports: readonly NewPort[]): Promise<Set<string>> {
  if (ports.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    with asked as (
      select * from jsonb_to_recordset(${JSON.stringify(ports)}::jsonb) as x(
        id uuid, network_id uuid, project_id uuid, name text, mac macaddr, kind text, instance_id uuid, router_id uuid,
        position integer, port_security boolean, allowed_address_pairs jsonb, kept boolean, model text,
        security_group_ids jsonb)
    ), made as (
      insert into port (id, network_id, project_id, name, mac, kind, instance_id, router_id, position, port_security,
        allowed_address_pairs, kept, model)
      select id, network_id, project_id, coalesce(name, ''), mac, kind, instance_id, router_id, coalesce(position, 0),
        coalesce(port_security, true), coalesce(allowed_address_pairs, '[]'), coalesce(kept, false),
        coalesce(model, 'virtio')
      from asked
      on conflict (network_id, mac) do nothing
      returning id
    ), grouped as (
      insert into port_security_group (port_id, security_group_id)
      select asked.id, g.id::uuid from made join asked on asked.id = made.id,
        jsonb_array_elements_text(asked.security_group_ids) as g(id)
    )
    select id from made`.execute(tx)
  return new Set(rows.map(row => row.id))
}

export type PortRow = Selectable<PortTable>

function select(db: Db) {
  return db
    .selectFrom('port')
    .selectAll()
    .select([
      sql<Port['addresses']>`coalesce((
        select json_agg(json_build_object('subnet_id', a.subnet_id, 'address', host(a.address)) order by family(a.address), a.address)
        from port_address a where a.port_id = port.id), '[]')`.as('addresses'),
      sql<string[]>`array(
        select g.security_group_id::text from port_security_group g where g.port_id = port.id order by g.security_group_id
      )`.as('security_groups'),
    ])
}

function toPort(row: PortRow & Pick<Port, 'addresses' | 'security_groups'>): Port {
  const { position: _, model: __, kept: ___, ...shown } = row
  const allowed_address_pairs = row.allowed_address_pairs as Port['allowed_address_pairs']
  return { ...shown, allowed_address_pairs, created_at: row.created_at.toISOString() }
}

export interface PortFilter {
  network_id?: string | undefined
  instance_id?: string | undefined
  router_id?: string | undefined
  security_group_id?: string | undefined
  kind?: PortKind | undefined
}

async function list(db: Db, project_id: string | null, asked: PageAsked & PortFilter): Promise<Page<Port>> {
  const keys = keyset(asked, sql`port.id`, {}, portIs(project_id))
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where('project_id', '=', project_id)
  for (const column of ['network_id', 'instance_id', 'router_id', 'kind'] as const) {
    const value = asked[column]
    if (value !== undefined) query = query.where(column, '=', value)
  }
  if (asked.security_group_id !== undefined) {
    query = query.where(
      sql<boolean>`port.id in (
        select g.port_id from port_security_group g where g.security_group_id = ${asked.security_group_id})`,
    )
  }
  return readPage(query, keys, toPort)
}

async function find(db: Db, id: string): Promise<Port | null> {
  const row = await select(db).where('id', '=', id).executeTakeFirst()
  return row ? toPort(row) : null
}

async function lock(tx: Tx, id: string): Promise<PortRow | null> {
  return (await tx.selectFrom('port').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

export type PortSet = Partial<Pick<Port, 'name' | 'port_security' | 'allowed_address_pairs' | 'admin_up'>>

async function update(tx: Tx, id: string, { allowed_address_pairs, ...set }: PortSet): Promise<void> {
  await tx
    .updateTable('port')
    .set({
      ...set,
      ...(allowed_address_pairs && { allowed_address_pairs: json(allowed_address_pairs) }),
      version: sql`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

async function setGroups(tx: Tx, id: string, security_group_ids: readonly string[]): Promise<void> {
  await tx.deleteFrom('port_security_group').where('port_id', '=', id).execute()
  if (security_group_ids.length === 0) return
  await tx
    .insertInto('port_security_group')
    .values(security_group_ids.map(security_group_id => ({ port_id: id, security_group_id })))
    .execute()
}

async function groupsOf(db: Db, id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('port_security_group')
    .select('security_group_id')
    .where('port_id', '=', id)
    .execute()
  return rows.map(row => row.security_group_id)
}

/** With its addresses and its places in security groups. */
async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('port').where('id', '=', id).execute()
}

async function addresses(db: Db, port_ids: readonly string[]): Promise<Map<string, string[]>> {
  const { rows } = await sql<{ port_id: string; addresses: string[] }>`
    select port_id, json_agg(host(address) order by family(address), address) as addresses from port_address
    where port_id = any(${port_ids}::uuid[]) group by port_id`.execute(db)
  return new Map(rows.map(row => [row.port_id, row.addresses]))
}

async function metadataOf(db: Db, network_id: string): Promise<string | null> {
  const row = await db
    .selectFrom('port')
    .select('id')
    .where('network_id', '=', network_id)
    .where(sql<boolean>`kind = 'metadata'`)
    .executeTakeFirst()
  return row?.id ?? null
}

export const port = { insertMany, list, find, lock, update, setGroups, groupsOf, remove, addresses, metadataOf }
