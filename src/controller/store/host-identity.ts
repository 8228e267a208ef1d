/** By what hosts' machines are known, in the database, and machines with their key that are others. What follows: app/host-identity.ts. */
import { sql } from 'kysely'
import type { Host } from '../../api/host.ts'
import { type HardwareId, hardwareWords } from '../../model/hardware-id.ts'
import { type Db, json, type Tx } from './database.ts'

/** As it is kept; times as PostgreSQL writes them. */
export interface OtherHardware {
  hardware: HardwareId
  address: string
  since: string
  last_at: string
}

export interface Identified {
  id: string
  name: string
  is_linked: boolean
  hardware_id: HardwareId | null
  other: OtherHardware | null
}

/** Locked, as host.lock. */
async function lock(tx: Tx, id: string): Promise<Identified | null> {
  const row = await tx
    .selectFrom('host')
    .select(['id', 'name', 'session_controller_id', 'hardware_id', 'other_hardware'])
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!row) return null
  const { name, session_controller_id, hardware_id, other_hardware } = row
  return {
    ...{ id, name, is_linked: session_controller_id !== null, hardware_id: hardware_id as HardwareId | null },
    other: other_hardware as OtherHardware | null,
  }
}

/** It is the host's from now on, and no other asks to be that. */
async function set(tx: Tx, id: string, hardware: HardwareId): Promise<void> {
  await tx
    .updateTable('host')
    .set({ hardware_id: json(hardware), other_hardware: null })
    .where('id', '=', id)
    .execute()
}

/** The same machine, which shows more or less of itself than before. */
async function learn(tx: Tx, id: string, hardware: HardwareId): Promise<void> {
  await tx
    .updateTable('host')
    .set({ hardware_id: json(hardware) })
    .where('id', '=', id)
    .execute()
}

/** Asks more often than that are not written. */
const noted_every_s = 60

/** A machine with its key that is another one. True when it is news. */
async function noteOther(tx: Tx, { id, other }: Identified, hardware: HardwareId, address: string): Promise<boolean> {
  const is_same = other !== null && hardwareWords(other.hardware) === hardwareWords(hardware)
  const since = is_same ? sql`${other.since}::text` : sql`croft_now()`
  await sql`update host set other_hardware = jsonb_build_object('hardware', ${json(hardware)}, 'address', ${address}::text,
      'since', ${since}, 'last_at', croft_now())
    where id = ${id} and (not ${is_same} or other_hardware->>'address' <> ${address}
      or (other_hardware->>'last_at')::timestamptz < croft_now() - make_interval(secs => ${noted_every_s}))`.execute(tx)
  return !is_same
}

/** They have not asked for so long. Returns their hosts. */
async function forgetSilent(tx: Tx, minutes: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`update host set other_hardware = null where id in (
      select id from host where other_hardware is not null
        and (other_hardware->>'last_at')::timestamptz < croft_now() - make_interval(mins => ${minutes}::int)
      order by id for no key update skip locked)
    returning id`.execute(tx)
  return rows.map(row => row.id)
}

async function isAnyOther(db: Db): Promise<boolean> {
  const { rows } = await sql`select from host where other_hardware is not null limit 1`.execute(db)
  return rows.length > 0
}

/** As the API has it. */
export function shownOther(kept: unknown): Host['other_hardware'] {
  const other = kept as OtherHardware | null
  if (other === null) return null
  const moment = (text: string) => new Date(text).toISOString()
  return {
    hardware: hardwareWords(other.hardware) ?? '',
    address: other.address,
    since: moment(other.since),
    last_at: moment(other.last_at),
  }
}

/** The same as a sentence. */
export function otherWords(name: string, { hardware, address, since }: NonNullable<Host['other_hardware']>): string {
  return (
    `A machine that is another one (${hardware}), at ${address || 'an unknown address'}, has its key since ${since}, and starts nothing: if the ` +
    `board was exchanged, croft host adopt-hardware ${name}; else it is a copy of the host's disk.`
  )
}

/** Those of these that were hosts, and are no more. */
async function removedOf(db: Db, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('host')
    .select('id')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('removed_at', 'is not', null)
    .execute()
  return rows.map(row => row.id)
}

export const hostIdentity = { lock, set, learn, noteOther, forgetSilent, isAnyOther, removedOf }
