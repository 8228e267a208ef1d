/** Subnets in the database. Which addresses of them are taken is in address.ts. */
import { type Selectable, sql } from 'kysely'
import type { Subnet } from '../../api/subnet.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { SubnetTable } from './schema.ts'

export type SubnetRow = Selectable<SubnetTable>

export function toSubnet(row: SubnetRow): Subnet {
  const { next_address: _, ...shown } = row
  return { ...shown, host_routes: row.host_routes as Subnet['host_routes'], created_at: row.created_at.toISOString() }
}

/** Those of the project and those on shared networks; all when `project_id` is null. */
async function list(
  db: Db,
  project_id: string | null,
  asked: PageAsked & { name?: string | undefined; network_id?: string | undefined },
): Promise<Page<Subnet>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('subnet').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) {
    query = query.where(
      sql<boolean>`(project_id = ${project_id} or network_id in (select n.id from network n where n.shared))`,
    )
  }
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.network_id !== undefined) query = query.where('network_id', '=', asked.network_id)
  return readPage(query, keys, toSubnet)
}

async function find(db: Db, id: string): Promise<(SubnetRow & { shared: boolean }) | null> {
  const row = await db
    .selectFrom('subnet')
    .innerJoin('network', 'network.id', 'subnet.network_id')
    .selectAll('subnet')
    .select('network.shared')
    .where('subnet.id', '=', id)
    .executeTakeFirst()
  return row ?? null
}

/** Locked until the transaction ends: no address of it is given or looked for meanwhile. */
async function lock(tx: Tx, id: string): Promise<SubnetRow | null> {
  return (await tx.selectFrom('subnet').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

export type NewSubnet = Omit<Subnet, 'created_at' | 'version'> & { next_address: string }

/** Throws the database's own error (constraint subnet_overlap) when it overlaps another of the network. */
async function insert(tx: Tx, made: NewSubnet): Promise<void> {
  await tx
    .insertInto('subnet')
    .values({ ...made, dns: inetArray(made.dns), host_routes: json(made.host_routes) })
    .execute()
}

export type SubnetSet = Partial<
  Pick<Subnet, 'name' | 'gateway' | 'dns' | 'host_routes' | 'dhcp' | 'pool_start' | 'pool_end'>
>

async function update(tx: Tx, id: string, { dns, host_routes, ...set }: SubnetSet): Promise<void> {
  await tx
    .updateTable('subnet')
    .set({
      ...set,
      ...(dns && { dns: inetArray(dns) }),
      ...(host_routes && { host_routes: json(host_routes) }),
      version: sql`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

function inetArray(addresses: readonly string[]) {
  return sql<string[]>`${[...addresses]}::inet[]`
}

/** The subnet of the network that a CIDR overlaps, if there is one. */
async function overlapping(db: Db, network_id: string, cidr: string): Promise<{ name: string; cidr: string } | null> {
  const { rows } = await sql<{ name: string; cidr: string }>`
    select name, cidr from subnet where network_id = ${network_id} and cidr && ${cidr}::inet limit 1`.execute(db)
  return rows[0] ?? null
}

/** How many addresses of the subnet ports have, by kind of port. */
async function addressKinds(db: Db, id: string): Promise<Map<string, number>> {
  const { rows } = await sql<{ kind: string; count: number }>`
    select p.kind, count(*) as count from port_address a join port p on p.id = a.port_id
    where a.subnet_id = ${id} group by p.kind`.execute(db)
  return new Map(rows.map(row => [row.kind, row.count]))
}

async function isTaken(db: Db, network_id: string, address: string): Promise<boolean> {
  const { rows } = await sql`
    select from port_address where network_id = ${network_id} and address = ${address}::inet`.execute(db)
  return rows.length > 0
}

/** Frees the metadata port's address in it. */
async function freeMetadata(tx: Tx, id: string): Promise<void> {
  await sql`delete from port_address where subnet_id = ${id}
    and port_id in (select p.id from port p where p.kind = 'metadata')`.execute(tx)
}

async function remove(tx: Tx, id: string): Promise<void> {
  await freeMetadata(tx, id)
  await tx.deleteFrom('subnet').where('id', '=', id).execute()
}

export const subnet = { list, find, lock, insert, update, overlapping, addressKinds, isTaken, freeMetadata, remove }
