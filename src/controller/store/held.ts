/**
 * What hosts hold of instances that the database does not know: after it was restored from an older backup. Kept per host, as
 * its agent says it, until an operator has settled it. Which of the two is right is not decided here.
 */
import { type Insertable, type Selectable, sql } from 'kysely'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { CloudError } from '../../model/errors.ts'
import { type Db, json, type Tx } from './database.ts'
import type { HeldInstanceTable, InstanceTable, VolumeTable } from './schema.ts'

export interface Hold {
  instance_id: string
  kind: HeldInstanceTable['kind']
  generation: number
  details_version: number
  power: string
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
}

/** Those of the ids that there are, wherever they are placed, and those of the host that are marked already. */
async function known(tx: Tx, host_id: string, ids: readonly string[]): Promise<KnownInstance[]> {
  return await tx
    .selectFrom('instance')
    .select(['id', 'host_id', 'generation', 'details_version', 'wanted_power', 'deleted_at', 'purging'])
    .select(['reboot_count', 'held_generation'])
    .where(sql<boolean>`(id = any(${[...ids]}::uuid[]) or (host_id = ${host_id} and held_generation is not null))`)
    .execute()
}

/** Brings the host's list to `holds`. What was shown of those that are as they were stays. */
async function replace(tx: Tx, host_id: string, holds: readonly Hold[]): Promise<void> {
  const ids = holds.map(one => one.instance_id)
  await sql`delete from held_instance where host_id = ${host_id} and not (instance_id = any(${ids}::uuid[]))`.execute(
    tx,
  )
  if (holds.length === 0) return
  await sql`insert into held_instance as h (host_id, instance_id, kind, generation, details_version, power)
    select ${host_id}::uuid, r.* from jsonb_to_recordset(${json(holds)})
      as r (instance_id uuid, kind text, generation bigint, details_version bigint, power text)
    on conflict (host_id, instance_id) do update set kind = excluded.kind, generation = excluded.generation,
      details_version = excluded.details_version, power = excluded.power`.execute(tx)
}

/** Marks instances of the host as ones of which it holds something newer, or, with null, no longer so. */
async function mark(
  tx: Tx,
  host_id: string,
  marks: readonly { id: string; generation: number | null }[],
): Promise<void> {
  if (marks.length === 0) return
  await sql`update instance i set held_generation = r.generation, version = i.version + 1
    from jsonb_to_recordset(${json(marks)}) as r (id uuid, generation bigint)
    where i.id = r.id and i.host_id = ${host_id}`.execute(tx)
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

function toRow(row: Selectable<HeldInstanceTable>): HeldRow {
  return { ...row, wanted: row.wanted as WantedInstance | null }
}

/** What is unsettled on a host, locked, in the order of ids; of `ids` alone when they are given. */
async function lock(tx: Tx, host_id: string, ids?: readonly string[]): Promise<HeldRow[]> {
  let query = tx.selectFrom('held_instance').selectAll().where('host_id', '=', host_id)
  if (ids) query = query.where(sql<boolean>`instance_id = any(${[...ids]}::uuid[])`)
  return (await query.orderBy('instance_id').forUpdate().execute()).map(toRow)
}

async function remove(tx: Tx, host_id: string, instance_ids: readonly string[]): Promise<void> {
  await sql`delete from held_instance where host_id = ${host_id}
    and instance_id = any(${[...instance_ids]}::uuid[])`.execute(tx)
}

type Settled = Partial<
  Pick<
    Insertable<InstanceTable>,
    'wanted_power' | 'deleted_at' | 'purge_at' | 'purging' | 'compute_claimed' | 'vcpus' | 'memory_mib' | 'reboot_kind'
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
  await sql`update host set session_epoch = session_epoch + 1 where id = ${host_id}`.execute(tx)
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
    return { host_id: row.host_id, instance: { ...wanted, generation: row.generation + 1, power: 'purged' as const } }
  })
}

/** Purged ones of which their host says that nothing is left. Returns the hosts whose list has become shorter. */
async function gone(tx: Tx, said: readonly { host_id: string; id: string }[]): Promise<string[]> {
  if (said.length === 0) return []
  const { rows } = await sql<{
    host_id: string
  }>`delete from held_instance h using jsonb_to_recordset(${json(said)}) as r (host_id uuid, id uuid)
    where h.host_id = r.host_id and h.instance_id = r.id and h.purging returning h.host_id`.execute(tx)
  return [...new Set(rows.map(row => row.host_id))]
}

/** Why nothing can be wanted of an instance now. */
export function heldBack(name: string): CloudError {
  return new CloudError(
    'wrong_state',
    `The host of ${name} was told newer things of it than the database knows: the database was restored from an older backup. ` +
      'Until an operator has settled which of the two is right (croft host reconcile), nothing new can be asked of it.',
  )
}

/** The same as a sentence about what is shown. */
export const heldReason =
  'Its host was told newer things than the database knows: the database was restored from an older backup. What runs goes on ' +
  'as it is; an operator settles which of the two is right: croft host reconcile.'

export const held = {
  known,
  replace,
  mark,
  passDetails,
  show,
  lock,
  remove,
  pass,
  insertDisk,
  wantPurged,
  toPurge,
  gone,
}
