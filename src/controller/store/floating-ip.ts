/** Floating addresses in the database. */
import { type Selectable, sql } from 'kysely'
import type { FloatingIp } from '../../api/floating-ip.ts'
import type { Db, Tx } from './database.ts'
import { floatingIpIs } from './found-by.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { FloatingIpTable } from './schema.ts'

export type FloatingIpRow = Selectable<FloatingIpTable>

function select(db: Db) {
  return db
    .selectFrom('floating_ip')
    .leftJoin('port', 'port.id', 'floating_ip.port_id')
    .selectAll('floating_ip')
    .select('port.instance_id')
}

function toFloatingIp(row: FloatingIpRow & { instance_id: string | null }): FloatingIp {
  const { address_port_id: _, ...shown } = row
  return { ...shown, created_at: row.created_at.toISOString() }
}

export interface FloatingIpFilter {
  network_id?: string | undefined
  port_id?: string | undefined
  instance_id?: string | undefined
  address?: string | undefined
}

async function list(db: Db, project_id: string | null, asked: PageAsked & FloatingIpFilter): Promise<Page<FloatingIp>> {
  const keys = keyset(asked, sql`floating_ip.id`, {}, floatingIpIs(project_id))
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where('floating_ip.project_id', '=', project_id)
  if (asked.network_id !== undefined) query = query.where('floating_ip.network_id', '=', asked.network_id)
  if (asked.port_id !== undefined) query = query.where('floating_ip.port_id', '=', asked.port_id)
  if (asked.instance_id !== undefined) query = query.where('port.instance_id', '=', asked.instance_id)
  if (asked.address !== undefined) query = query.where(sql<boolean>`floating_ip.address = ${asked.address}::inet`)
  return readPage(query, keys, toFloatingIp)
}

async function find(db: Db, id: string): Promise<FloatingIp | null> {
  const row = await select(db).where('floating_ip.id', '=', id).executeTakeFirst()
  return row ? toFloatingIp(row) : null
}

async function lock(tx: Tx, id: string): Promise<FloatingIpRow | null> {
  return (await tx.selectFrom('floating_ip').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

export interface NewFloatingIp {
  id: string
  project_id: string
  network_id: string
  address_port_id: string
  address: string
  description: string
}

async function insert(tx: Tx, made: NewFloatingIp): Promise<void> {
  await tx
    .insertInto('floating_ip')
    .values({ ...made, port_id: null, fixed_address: null, router_id: null })
    .execute()
}

export interface Target {
  port_id: string | null
  fixed_address: string | null
  router_id: string | null
}

/** Throws the database's own error (constraint floating_ip_port_once) when another is in front of the same address. */
async function update(tx: Tx, id: string, set: Partial<Target & { description: string }>): Promise<void> {
  await tx
    .updateTable('floating_ip')
    .set({ ...set, version: sql`version + 1` })
    .where('id', '=', id)
    .execute()
}

/** Takes all floating addresses off the port; they stay allocated. */
async function letGo(tx: Tx, of: { port_id: string }): Promise<{ id: string; project_id: string }[]> {
  return await tx
    .updateTable('floating_ip')
    .set({ port_id: null, fixed_address: null, router_id: null, version: sql`version + 1` })
    .where('port_id', '=', of.port_id)
    .returning(['id', 'project_id'])
    .execute()
}

/** With the port that holds its address. */
async function remove(tx: Tx, row: Pick<FloatingIpRow, 'id' | 'address_port_id'>): Promise<void> {
  await tx.deleteFrom('floating_ip').where('id', '=', row.id).execute()
  await tx.deleteFrom('port').where('id', '=', row.address_port_id).execute()
}

export interface Place {
  port_id: string
  instance_id: string | null
  address: string
  subnet_id: string
  subnet: string
  /** Of the subnet's router, if it has one. */
  router_id: string | null
  router: string | null
  external_network_id: string | null
}

/** The IPv4 addresses of a port, or of all ports of an instance, that a floating address can be put in front of. */
async function places(db: Db, project_id: string, of: { port_id?: string; instance_id?: string }): Promise<Place[]> {
  const { rows } = await sql<Place>`
    select p.id as port_id, p.instance_id, host(a.address) as address, s.id as subnet_id, s.name as subnet,
      r.id as router_id, r.name as router, r.external_network_id
    from port p join port_address a on a.port_id = p.id join subnet s on s.id = a.subnet_id
    left join router_interface ri on ri.subnet_id = s.id left join router r on r.id = ri.router_id
    where p.project_id = ${project_id} and p.kind in ('instance', 'free') and family(a.address) = 4
      and ${of.port_id === undefined ? sql`p.instance_id = ${of.instance_id}::uuid` : sql`p.id = ${of.port_id}::uuid`}
    order by p.position, p.id, a.address`.execute(db)
  return rows
}

/** How many floating addresses go by this router; to addresses of `subnet_id` alone, when it is given. */
async function countBy(db: Db, router_id: string, subnet_id: string | null = null): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from floating_ip f where f.router_id = ${router_id} and (${subnet_id}::uuid is null or exists (
      select from port_address a where a.port_id = f.port_id and a.address = f.fixed_address and a.subnet_id = ${subnet_id}::uuid
    ))`.execute(db)
  return rows[0]?.count ?? 0
}

export const floatingIp = { list, find, lock, insert, update, letGo, remove, places, countBy }
