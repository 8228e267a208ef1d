/** Instances in the database, as people see them. What hosts are told of them is in wanted.ts, what hosts say in observed.ts. */
import { type Selectable, sql } from 'kysely'
import type { Instance } from '../../api/instance.ts'
import { type InstanceMove, type InstanceState, instanceMoves, instanceState, mayMove } from '../../model/instance.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'
import type { InstanceTable } from './schema.ts'

export type InstanceRow = Selectable<InstanceTable>

/** All but the user data: up to 64 KiB each, for the host alone. */
const columns = [
  'i.id',
  'i.project_id',
  'i.user_id',
  'i.name',
  'i.hostname',
  'i.host_id',
  'i.zone_id',
  'i.flavor_id',
  'i.flavor_name',
  'i.image_id',
  'i.image_name',
  'i.vcpus',
  'i.memory_mib',
  'i.disk_gib',
  'i.cpu_model',
  'i.config_drive',
  'i.watchdog_action',
  'i.public_keys',
  'i.tags',
  'i.wanted_power',
  'i.generation',
  'i.details_version',
  'i.reboot_count',
  'i.reboot_kind',
  'i.deleted_at',
  'i.purge_at',
  'i.compute_claimed',
  'i.purging',
  'i.version',
  'i.created_at',
] as const

function selectInstances(db: Db) {
  return db
    .selectFrom('instance as i')
    .innerJoin('host as h', 'h.id', 'i.host_id')
    .innerJoin('zone as z', 'z.id', 'i.zone_id')
    .leftJoin('instance_observed as s', 's.instance_id', 'i.id')
    .select(columns)
    .select([
      'h.name as host',
      'h.session_controller_id',
      'z.name as zone',
      's.applied_generation',
      's.power',
      's.failure',
      's.progress',
      's.started_at',
    ])
}

type ShownRow = Awaited<ReturnType<ReturnType<typeof selectInstances>['execute']>>[number]

/** The state shown, from a row that has both halves. */
export function stateOfRow(
  row: Pick<
    ShownRow,
    'wanted_power' | 'generation' | 'deleted_at' | 'power' | 'applied_generation' | 'failure' | 'session_controller_id'
  >,
): InstanceState {
  const observed =
    row.power === null || row.applied_generation === null
      ? null
      : { power: row.power, applied_generation: row.applied_generation, failure: row.failure }
  const wanted = { power: row.wanted_power, generation: row.generation, deleted: row.deleted_at !== null }
  return instanceState(wanted, observed, row.session_controller_id !== null)
}

interface Parts {
  addresses: Map<string, Instance['addresses']>
  volumes: Map<string, string[]>
}

function toInstance(row: ShownRow, parts: Parts): Instance {
  const state = stateOfRow(row)
  const progress = row.progress as { step: string; percent: number } | null
  const busy = state !== 'running' && state !== 'stopped' && state !== 'deleted'
  return {
    id: row.id,
    name: row.name,
    hostname: row.hostname,
    state,
    reason:
      state === 'error'
        ? (row.failure ?? 'The guest crashed and did not come back by itself.')
        : state === 'unknown'
          ? `The host ${row.host} does not answer. The instance may well be running; it is shown again when the host is back.`
          : null,
    step: busy ? (progress?.step ?? null) : null,
    percent: busy ? (progress?.percent ?? null) : null,
    project_id: row.project_id,
    user_id: row.user_id,
    host_id: row.host_id,
    host: row.host,
    zone: row.zone,
    flavor_id: row.flavor_id,
    flavor: row.flavor_name,
    image_id: row.image_id,
    image: row.image_name,
    vcpus: row.vcpus,
    memory_mib: row.memory_mib,
    disk_gib: row.disk_gib,
    addresses: parts.addresses.get(row.id) ?? [],
    volumes: parts.volumes.get(row.id) ?? [],
    tags: row.tags as Instance['tags'],
    key_names: (row.public_keys as { name: string }[]).map(key => key.name),
    config_drive: row.config_drive,
    wanted_power: row.wanted_power,
    moves: (Object.keys(instanceMoves) as InstanceMove[]).filter(move => mayMove(move, state)),
    started_at: state === 'running' ? (row.started_at?.toISOString() ?? null) : null,
    deleted_at: row.deleted_at?.toISOString() ?? null,
    purge_at: row.purge_at?.toISOString() ?? null,
    version: row.version,
    created_at: row.created_at.toISOString(),
  }
}

/** Addresses and volumes of a page of instances: two queries, however many instances. */
async function partsOf(db: Db, ids: readonly string[]): Promise<Parts> {
  const addresses = new Map<string, Instance['addresses']>()
  const volumes = new Map<string, string[]>()
  if (ids.length === 0) return { addresses, volumes }
  const { rows } = await sql<{ instance_id: string } & Instance['addresses'][number]>`
    select p.instance_id, p.network_id, n.name as network, p.id as port_id, p.mac::text as mac, host(a.address) as address,
      (select host(f.address) from floating_ip f where f.port_id = p.id and f.fixed_address = a.address) as floating_address
    from port p join port_address a on a.port_id = p.id join network n on n.id = p.network_id
    where p.instance_id = any(${[...ids]}::uuid[]) order by p.instance_id, p.position, a.address`.execute(db)
  for (const { instance_id, ...address } of rows)
    addresses.set(instance_id, [...(addresses.get(instance_id) ?? []), address])
  const disks = await db
    .selectFrom('volume')
    .select(['id', 'instance_id'])
    .where('instance_id', 'in', ids)
    .orderBy('id')
    .execute()
  for (const { id, instance_id } of disks) {
    if (instance_id) volumes.set(instance_id, [...(volumes.get(instance_id) ?? []), id])
  }
  return { addresses, volumes }
}

async function shown(db: Db, rows: ShownRow[]): Promise<Instance[]> {
  const parts = await partsOf(
    db,
    rows.map(row => row.id),
  )
  return rows.map(row => toInstance(row, parts))
}

export interface InstanceFilter extends PageAsked {
  /** Null: of all projects. */
  project_id: string | null
  name?: string | undefined
  host_id?: string | undefined
  image_id?: string | undefined
  deleted?: boolean | undefined
}

async function list(db: Db, asked: InstanceFilter): Promise<Page<Instance>> {
  const keys = keyset(asked, sql`i.id`, {
    name: { column: sql`i.name` },
    created_at: { column: sql`i.created_at`, cast: 'timestamptz' },
  })
  let query = selectInstances(db)
    .select(keys.key.as('sort_key'))
    .where(keys.where)
    .where('i.deleted_at', asked.deleted ? 'is not' : 'is', null)
  if (asked.project_id !== null) query = query.where('i.project_id', '=', asked.project_id)
  if (asked.name !== undefined) query = query.where('i.name', '=', asked.name)
  if (asked.host_id !== undefined) query = query.where('i.host_id', '=', asked.host_id)
  if (asked.image_id !== undefined) query = query.where('i.image_id', '=', asked.image_id)
  const { items, next } = keys.toPage(
    await query
      .orderBy(keys.order_by)
      .limit(keys.limit + 1)
      .execute(),
  )
  return { items: await shown(db, items), next }
}

async function byIds(db: Db, ids: readonly string[]): Promise<Instance[]> {
  if (ids.length === 0) return []
  return await shown(db, await selectInstances(db).where('i.id', 'in', ids).orderBy('i.id').execute())
}

async function find(db: Db, id: string): Promise<Instance | null> {
  const [found] = await byIds(db, [id])
  return found ?? null
}

export interface LockedInstance extends Omit<InstanceRow, 'user_data'> {
  state: InstanceState
  host: string
}

/** The instance, locked for change, with the state it is in. */
async function lock(tx: Tx, id: string): Promise<LockedInstance | null> {
  const locked = await tx.selectFrom('instance').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
  if (!locked) return null
  const row = await selectInstances(tx).where('i.id', '=', id).executeTakeFirstOrThrow()
  return { ...row, state: stateOfRow(row) }
}

export type NewInstance = Pick<
  InstanceRow,
  | 'id'
  | 'project_id'
  | 'user_id'
  | 'name'
  | 'hostname'
  | 'host_id'
  | 'zone_id'
  | 'flavor_id'
  | 'flavor_name'
  | 'image_id'
  | 'image_name'
  | 'vcpus'
  | 'memory_mib'
  | 'disk_gib'
  | 'cpu_model'
  | 'config_drive'
  | 'watchdog_action'
  | 'user_data'
  | 'wanted_power'
> & { public_keys: { name: string; public_key: string }[]; tags: Record<string, string> }

async function insert(tx: Tx, made: readonly NewInstance[]): Promise<void> {
  const rows = made.map(one => ({ ...one, public_keys: json(one.public_keys), tags: json(one.tags) }))
  await tx.insertInto('instance').values(rows).execute()
}

export interface NewVolume {
  id: string
  project_id: string
  instance_id: string
  host_id: string
  name: string
  role: 'root' | 'data'
  size_gib: number
  image_id: string | null
  bus: string
}

async function insertVolumes(tx: Tx, made: readonly NewVolume[]): Promise<void> {
  if (made.length > 0)
    await tx
      .insertInto('volume')
      .values([...made])
      .execute()
}

type Wish = Partial<Pick<InstanceRow, 'wanted_power' | 'deleted_at' | 'purge_at' | 'purging' | 'compute_claimed'>> & {
  reboot?: 'soft' | 'hard'
}

/** Writes what is wanted; generation and version grow. Returns the new generation. */
async function want(tx: Tx, id: string, wish: Wish): Promise<number> {
  const { reboot, ...columns } = wish
  const row = await tx
    .updateTable('instance')
    .set({
      ...columns,
      ...(reboot && { reboot_kind: reboot, reboot_count: sql<number>`reboot_count + 1` }),
      generation: sql<number>`generation + 1`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .returning('generation')
    .executeTakeFirstOrThrow()
  return row.generation
}

/** Changes what needs no restart: the host gets it as details. */
async function describe(
  tx: Tx,
  id: string,
  set: { name?: string | undefined; tags?: Record<string, string> | undefined },
) {
  await tx
    .updateTable('instance')
    .set({
      ...(set.name !== undefined && { name: set.name }),
      ...(set.tags !== undefined && { tags: json(set.tags) }),
      details_version: sql<number>`details_version + 1`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

/**
 * The guest has shut itself down: so it is wanted, unless somebody has wanted something newer meanwhile (the report was
 * read without a lock on the instance).
 */
async function followShutdown(tx: Tx, id: string, generation: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('instance')
    .set({
      wanted_power: 'stopped',
      generation: sql<number>`generation + 1`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .where('generation', '=', generation)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/**
 * Deleted instances that are off no longer need their vCPUs and memory on their hosts; their disks stay. Not one that was
 * recovered since its host was told of this generation: then it needs them again.
 */
async function giveUpCompute(tx: Tx, off: readonly { id: string; generation: number }[]): Promise<void> {
  if (off.length === 0) return
  await sql`with given as (
      update instance i set compute_claimed = false
      from jsonb_to_recordset(${json(off.map(({ id, generation }) => ({ id, generation })))}) as o (id uuid, generation bigint)
      where i.id = o.id and i.generation = o.generation and i.compute_claimed and i.deleted_at is not null
      returning i.host_id, i.vcpus, i.memory_mib
    ), sums as (
      select host_id, sum(vcpus)::int as vcpus, sum(memory_mib)::bigint as memory_mib from given group by host_id
    )
    update host h set vcpus_claimed = vcpus_claimed - s.vcpus, memory_claimed_mib = memory_claimed_mib - s.memory_mib
    from sums s where h.id = s.host_id`.execute(tx)
}

async function domainOf(db: Db, project_id: string): Promise<string> {
  const row = await db.selectFrom('project').select('domain_id').where('id', '=', project_id).executeTakeFirstOrThrow()
  return row.domain_id
}

async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('instance').where('id', '=', id).execute()
}

/** Deleted instances whose time to be recovered is over. */
async function dueForPurge(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('instance')
    .select('id')
    .where('purge_at', '<=', sql<Date>`croft_now()`)
    .where('purging', '=', false)
    .orderBy('purge_at')
    .limit(limit)
    .execute()
  return rows.map(row => row.id)
}

/** Purged instances of which their hosts have reported that nothing is left. */
async function goneFromHosts(db: Db, limit: number, host_id?: string): Promise<string[]> {
  let query = db
    .selectFrom('instance as i')
    .innerJoin('instance_observed as s', 's.instance_id', 'i.id')
    .select('i.id')
    .where('i.purging', '=', true)
    .where('s.power', '=', 'absent')
    .whereRef('s.applied_generation', '>=', 'i.generation')
  if (host_id) query = query.where('i.host_id', '=', host_id)
  return (await query.limit(limit).execute()).map(row => row.id)
}

export const instance = {
  list,
  byIds,
  find,
  lock,
  insert,
  insertVolumes,
  want,
  describe,
  followShutdown,
  giveUpCompute,
  domainOf,
  remove,
  dueForPurge,
  goneFromHosts,
}
