/** Routers in the database, with their interfaces and gateways. */
import { type Selectable, sql } from 'kysely'
import type { Router } from '../../api/router.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { RouterTable } from './schema.ts'

export type RouterRow = Selectable<RouterTable>

function select(db: Db) {
  return db
    .selectFrom('router')
    .selectAll()
    .select([
      sql<string[]>`array(
        select host(a.address) from port p join port_address a on a.port_id = p.id
        where p.router_id = router.id and p.kind = 'gateway' order by family(a.address), a.address)`.as(
        'external_addresses',
      ),
      sql<Router['interfaces']>`coalesce((
        select json_agg(json_build_object('subnet_id', ri.subnet_id, 'port_id', ri.port_id, 'address', host(a.address),
          'cidr', ri.cidr::text) order by ri.subnet_id)
        from router_interface ri join port_address a on a.port_id = ri.port_id where ri.router_id = router.id
      ), '[]')`.as('interfaces'),
    ])
}

type ShownRow = RouterRow & Pick<Router, 'external_addresses' | 'interfaces'>

function toRouter(row: ShownRow): Router {
  return { ...row, created_at: row.created_at.toISOString() }
}

async function list(
  db: Db,
  project_id: string | null,
  asked: PageAsked & { name?: string | undefined },
): Promise<Page<Router>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where('project_id', '=', project_id)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toRouter)
}

async function find(db: Db, id: string): Promise<Router | null> {
  const row = await select(db).where('id', '=', id).executeTakeFirst()
  return row ? toRouter(row) : null
}

async function lock(tx: Tx, id: string): Promise<RouterRow | null> {
  return (await tx.selectFrom('router').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

/** Keeps the router's gateway and interfaces as they are until the transaction ends. */
async function share(tx: Tx, id: string): Promise<RouterRow | null> {
  return (await tx.selectFrom('router').selectAll().where('id', '=', id).forShare().executeTakeFirst()) ?? null
}

async function insert(tx: Tx, made: { id: string; project_id: string; name: string; snat: boolean }): Promise<void> {
  await tx
    .insertInto('router')
    .values({ ...made, external_network_id: null })
    .execute()
}

async function update(
  tx: Tx,
  id: string,
  set: Partial<Pick<RouterRow, 'name' | 'snat' | 'external_network_id'>>,
): Promise<void> {
  await tx
    .updateTable('router')
    .set({ ...set, version: sql`version + 1` })
    .where('id', '=', id)
    .execute()
}

/** Frees the router's addresses on the external network. */
async function removeGateway(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('port').where('router_id', '=', id).where('kind', '=', 'gateway').execute()
}

/** With its gateway. */
async function remove(tx: Tx, id: string): Promise<void> {
  await removeGateway(tx, id)
  await tx.deleteFrom('router').where('id', '=', id).execute()
}

export interface NewInterface {
  router_id: string
  subnet_id: string
  port_id: string
  cidr: string
}

/** Throws the database's own error: router_interface_subnet_id_key when the subnet has a router, router_interface_overlap. */
async function insertInterface(tx: Tx, made: NewInterface): Promise<void> {
  await tx.insertInto('router_interface').values(made).execute()
}

/** Its port goes too; false when the router has no interface on the subnet. */
async function removeInterface(tx: Tx, router_id: string, subnet_id: string): Promise<string | null> {
  const row = await tx
    .deleteFrom('router_interface')
    .where('router_id', '=', router_id)
    .where('subnet_id', '=', subnet_id)
    .returning('port_id')
    .executeTakeFirst()
  if (!row) return null
  await tx.deleteFrom('port').where('id', '=', row.port_id).execute()
  return row.port_id
}

/** A subnet that the router has already, inside or outside, and that this CIDR overlaps. */
async function overlapping(db: Db, router: RouterRow, cidr: string): Promise<{ name: string; cidr: string } | null> {
  const { rows } = await sql<{ name: string; cidr: string }>`
    select s.name, s.cidr::text as cidr from subnet s
    where s.cidr && ${cidr}::inet and (s.network_id = ${router.external_network_id}::uuid
      or s.id in (select ri.subnet_id from router_interface ri where ri.router_id = ${router.id}))
    limit 1`.execute(db)
  return rows[0] ?? null
}

/** A subnet of the network that overlaps one of the router's interfaces. */
async function overlappingNetwork(
  db: Db,
  router_id: string,
  network_id: string,
): Promise<{ name: string; cidr: string } | null> {
  const { rows } = await sql<{ name: string; cidr: string }>`
    select s.name, s.cidr::text as cidr from subnet s join router_interface ri on ri.cidr && s.cidr
    where s.network_id = ${network_id} and ri.router_id = ${router_id} limit 1`.execute(db)
  return rows[0] ?? null
}

/** The router of a subnet, by name, for people. */
async function ofSubnet(db: Db, subnet_id: string): Promise<{ id: string; name: string } | null> {
  const row = await db
    .selectFrom('router_interface')
    .innerJoin('router', 'router.id', 'router_interface.router_id')
    .select(['router.id', 'router.name'])
    .where('router_interface.subnet_id', '=', subnet_id)
    .executeTakeFirst()
  return row ?? null
}

export const router = {
  list,
  find,
  lock,
  share,
  insert,
  update,
  remove,
  removeGateway,
  insertInterface,
  removeInterface,
  overlapping,
  overlappingNetwork,
  ofSubnet,
}
