/**
 * What hosts hold of instances that the database does not know: after it was restored from an older backup. Kept per host, as
 * its agent says it, until an operator has settled it. Which of the two is right is not decided here.
 */
import { type Insertable, type Selectable, sql } from 'kysely'
import type { MigrationStep } from '../../protocol/migration.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { CloudError } from '../../model/errors.ts'
import { type Db, json, type Tx } from './database.ts'
import { countedAtEnd } from './host-link.ts'
import { wakeRemovers } from './held-volume.ts'
import type { HeldInstanceTable, InstanceTable, VolumeTable } from './schema.ts'

export interface Hold {
  instance_id: string
  kind: HeldInstanceTable['kind']
  generation: number
  details_version: number
  power: string
  placement: number
  migration_id: string | null
  step: MigrationStep | null
  here: boolean
}

export type HeldRow = Omit<Selectable<HeldInstanceTable>, 'wanted'> & { wanted: WantedInstance | null }

/** An instance as the database knows it, to be compared with what a host holds of it. */
export interface KnownInstance {
  id: string
  host_id: string
  generation: number
  details_version: number
  wanted_power: 'running' | 'stopped'
  deleted_at: Date | null
  purging: boolean
  reboot_count: number
  held_generation: number | null
  placement: number
}

/** Those of the ids that there are, wherever they are placed, and of the host those that are marked already, or `all`. */
async function known(tx: Tx, host_id: string, ids: readonly string[], all: boolean): Promise<KnownInstance[]> {
  return await knownOf(tx, [host_id], ids, all)
}

/** As `known`, of several hosts. */
async function knownOf(
  tx: Tx,
  host_ids: readonly string[],
  ids: readonly string[],
  all = false,
): Promise<KnownInstance[]> {
  return await tx
    .selectFrom('instance')
    .select(['id', 'host_id', 'generation', 'details_version', 'wanted_power', 'deleted_at', 'purging'])
    .select(['reboot_count', 'held_generation', 'placement'])
    .where(
      sql<boolean>`(id = any(${[...ids]}::uuid[])
        or (host_id = any(${[...host_ids]}::uuid[]) and (${all} or held_generation is not null)))`,
    )
    .execute()
}

/** What is in the host's list already. */
async function listed(tx: Tx, host_id: string): Promise<Pick<HeldRow, 'instance_id' | 'kind'>[]> {
  return await tx.selectFrom('held_instance').select(['instance_id', 'kind']).where('host_id', '=', host_id).execute()
}

/** Those of the hosts with anything unsettled, or that have heard of more than is counted here of what is placed on them. */
async function unsettled(tx: Tx, hosts: readonly { host_id: string; heard_as_of: number }[]): Promise<Set<string>> {
  const said = json(hosts.map(({ host_id, heard_as_of }) => ({ host_id, heard_as_of })))
  const { rows } = await sql<{ host_id: string }>`
    select r.host_id from jsonb_to_recordset(${said}) as r (host_id uuid, heard_as_of bigint)
    join host_claim k on k.host_id = r.host_id join host h on h.id = r.host_id
    where coalesce(${countedAtEnd}, k.changes + k.passed) < r.heard_as_of or exists (select from held_instance d where d.host_id = r.host_id)`.execute(
    tx,
  )
  return new Set(rows.map(row => row.host_id))
}

/** Brings the host's list to `holds`. What was shown of those that are as they were stays. */
async function replace(tx: Tx, host_id: string, holds: readonly Hold[]): Promise<void> {
  const ids = holds.map(one => one.instance_id)
  const { rows } =
    await sql`delete from held_instance where host_id = ${host_id} and not (instance_id = any(${ids}::uuid[]))
    returning host_id`.execute(tx)
  if (rows.length > 0) await wakeRemovers(tx, host_id)
  if (holds.length === 0) return
  await sql`insert into held_instance as h (host_id, instance_id, kind, generation, details_version, power, placement,
      migration_id, step, here)
    select ${host_id}::uuid, r.* from jsonb_to_recordset(${json(holds)}) as r (instance_id uuid, kind text, generation bigint,
      details_version bigint, power text, placement bigint, migration_id uuid, step text, here boolean)
    on conflict (host_id, instance_id) do update set kind = excluded.kind, generation = excluded.generation,
      details_version = excluded.details_version, power = excluded.power, placement = excluded.placement,
      migration_id = excluded.migration_id, step = excluded.step, here = excluded.here`.execute(tx)
}

/** Details that a host holds of a later version than the database's are passed: they change no running machine. */
async function passDetails(tx: Tx, host_id: string, ones: readonly { id: string; details_version: number }[]) {
  if (ones.length === 0) return
  await sql`update instance i set details_version = r.details_version + 1
    from jsonb_to_recordset(${json(ones)}) as r (id uuid, details_version bigint)
    where i.id = r.id and i.host_id = ${host_id} and i.details_version <= r.details_version`.execute(tx)
}

/** Keeps what the host has shown of those in its list. */
async function show(tx: Tx, host_id: string, shown: readonly WantedInstance[]): Promise<void> {
  for (const one of shown) {
    await tx
      .updateTable('held_instance')
      .set({ wanted: json(one), generation: one.generation, details_version: one.details_version, power: one.power })
      .where('host_id', '=', host_id)
      .where('instance_id', '=', one.id)
      .execute()
  }
}

export function toRow(row: Selectable<HeldInstanceTable>): HeldRow {
  return { ...row, wanted: row.wanted as WantedInstance | null }
}

/** What all hosts hold of an instance beside its row, locked. */
async function ofInstance(tx: Tx, instance_id: string): Promise<HeldRow[]> {
  const query = tx.selectFrom('held_instance').selectAll().where('instance_id', '=', instance_id)
  return (await query.orderBy('host_id').forUpdate().execute()).map(toRow)
}

/** What is unsettled on a host, locked, in the order of ids; of `ids` alone when they are given. */
async function lock(tx: Tx, host_id: string, ids?: readonly string[]): Promise<HeldRow[]> {
  let query = tx.selectFrom('held_instance').selectAll().where('host_id', '=', host_id)
  if (ids) query = query.where(sql<boolean>`instance_id = any(${[...ids]}::uuid[])`)
  return (await query.orderBy('instance_id').forUpdate().execute()).map(toRow)
}

async function remove(tx: Tx, host_id: string, instance_ids: readonly string[]): Promise<void> {
  const { rows } = await sql`delete from held_instance where host_id = ${host_id}
    and instance_id = any(${[...instance_ids]}::uuid[]) returning host_id`.execute(tx)
  if (rows.length > 0) await wakeRemovers(tx, host_id)
}

type Settled = Partial<
  Pick<
    Insertable<InstanceTable>,
    | 'wanted_power'
    | 'deleted_at'
    | 'purge_at'
    | 'purging'
    | 'compute_claimed'
    | 'vcpus'
    | 'memory_mib'
    | 'memory_base_mib'
    | 'reboot_kind'
    | 'placement'
  >
>

/**
 * Puts the instance beyond what its host holds, with `set` as what is wanted: the mark goes. Reboots that the host was asked for
 * count as asked for, so that the next one is a new one.
 */
async function pass(tx: Tx, id: string, hold: HeldRow, set: Settled): Promise<void> {
  await tx
    .updateTable('instance')
    .set({
      ...set,
      generation: sql<number>`greatest(generation, ${hold.generation}::bigint) + 1`,
      details_version: sql<number>`greatest(details_version, ${hold.details_version}::bigint) + 1`,
      reboot_count: sql<number>`greatest(reboot_count, ${hold.wanted?.reboot_count ?? 0}::int)`,
      held_generation: null,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

/** The record of a disk that is on its host. */
async function insertDisk(tx: Tx, disk: Insertable<VolumeTable>): Promise<void> {
  await tx.insertInto('volume').values(disk).execute()
}

/** Nothing of it is to remain on its host; the host is told with its next link, and its present one ends. */
async function wantPurged(tx: Tx, host_id: string, instance_id: string): Promise<void> {
  await tx
    .updateTable('held_instance')
    .set({ purging: true })
    .where('host_id', '=', host_id)
    .where('instance_id', '=', instance_id)
    .execute()
  await sql`update host set session_epoch = session_epoch + 1, counted_epoch = counted_epoch + 1 where id = ${host_id}`.execute(
    tx,
  )
}

/** What hosts are told of instances that there are no more and that an operator has given up, beside what is in `instance`. */
async function toPurge(db: Db, host_ids: readonly string[]): Promise<{ host_id: string; instance: WantedInstance }[]> {
  const rows = await db
    .selectFrom('held_instance')
    .selectAll()
    .where(sql<boolean>`host_id = any(${[...host_ids]}::uuid[])`)
    .where('purging', '=', true)
    .where('kind', '=', 'orphaned')
    .execute()
  return rows.flatMap(row => {
    const { wanted } = toRow(row)
    if (!wanted) return []
    // Whatever it was doing of a move ends with it.
    const { migration: _, ...rest } = wanted
    return { host_id: row.host_id, instance: { ...rest, generation: row.generation + 1, power: 'purged' as const } }
  })
}

/** Purged ones of which their host says that nothing is left. Returns the hosts whose list has become shorter. */
async function gone(tx: Tx, said: readonly { host_id: string; id: string }[]): Promise<string[]> {
  if (said.length === 0) return []
  const { rows } = await sql<{
    host_id: string
  }>`delete from held_instance h using jsonb_to_recordset(${json(said)}) as r (host_id uuid, id uuid)
    where h.host_id = r.host_id and h.instance_id = r.id and h.purging returning h.host_id`.execute(tx)
  const host_ids = [...new Set(rows.map(row => row.host_id))]
  for (const id of host_ids) await wakeRemovers(tx, id)
  return host_ids
}

/** Why nothing can be wanted of an instance now. */
export function heldBack(name: string): CloudError {
  return new CloudError(
    'wrong_state',
    `Hosts were told newer things of ${name} than the database knows: the database was restored from an older backup. ` +
      'Until an operator has settled which of the two is right (croft host reconcile), nothing new can be asked of it.',
  )
}

/** The same as a sentence about what is shown. */
export const heldReason =
  'Hosts were told newer things of it than the database knows: the database was restored from an older backup. What runs goes on ' +
  'as it is; what is not settled by itself an operator settles: croft host reconcile.'

export const held = {
  knownOf,
  unsettled,
  known,
  listed,
  replace,
  passDetails,
  show,
  ofInstance,
  lock,
  remove,
  pass,
  insertDisk,
  wantPurged,
  toPurge,
  gone,
}
