/** Hosts as they come, and come back: what is known of who joins, and their certificates. */
import { type NotNull, sql } from 'kysely'
import type { HardwareId } from '../../model/hardware-id.ts'
import { isUuid } from '../../model/ids.ts'
import { json, type Tx } from './database.ts'

/** A host as those see it who join as it again; locked. */
export interface JoiningHost {
  id: string
  name: string
  cluster_id: string
  is_linked: boolean
  key_sha256: Buffer | null
  hardware_id: HardwareId | null
}

function selectJoining(tx: Tx) {
  return tx
    .selectFrom('host')
    .select(['id', 'name', 'cluster_id', 'key_sha256', sql<boolean>`session_controller_id is not null`.as('is_linked')])
    .select(sql<HardwareId | null>`hardware_id`.as('hardware_id'))
    .where('removed_at', 'is', null)
    .$narrowType<{ cluster_id: NotNull }>()
    .forUpdate()
}

/** The host that this machine is, by the id that its system gave it: no secret, so it proves nothing. */
async function byMachine(tx: Tx, machine_id: string): Promise<JoiningHost | null> {
  return (await selectJoining(tx).where('machine_id', '=', machine_id).executeTakeFirst()) ?? null
}

async function byName(tx: Tx, name: string): Promise<JoiningHost | null> {
  return (await selectJoining(tx).where('name', '=', name).executeTakeFirst()) ?? null
}

async function joining(tx: Tx, id: string): Promise<JoiningHost | null> {
  return (await selectJoining(tx).where('id', '=', id).executeTakeFirst()) ?? null
}

type NewHost = {
  id: string
  name: string
  cluster_id: string
  machine_id: string
  certificate_sha256: Buffer
  key_sha256: Buffer
  hardware: HardwareId | null
}

/** Throws the database's own error: host_name_key, host_machine_id_key, host_cluster_id_fkey. */
async function insert(tx: Tx, { hardware, ...made }: NewHost): Promise<void> {
  await tx
    .insertInto('host')
    .values({ ...made, ...(hardware && { hardware_id: json(hardware) }) })
    .execute()
}

/** A new certificate for a host that joins again, on another machine if it was installed anew; an old link ends with its next word. */
async function renew(
  tx: Tx,
  id: string,
  { hardware, ...made }: Omit<NewHost, 'id' | 'name' | 'cluster_id'>,
): Promise<void> {
  await tx
    .updateTable('host')
    .set({
      ...made,
      session_epoch: sql`session_epoch + 1`,
      counted_epoch: sql`counted_epoch + 1`,
      hardware_id: hardware && json(hardware),
      other_hardware: null,
    })
    .where('id', '=', id)
    .execute()
}

/** The host name, with a number after it when another machine has it. */
async function freeName(tx: Tx, hostname: string): Promise<string> {
  // Nobody could name a host that is called by what looks like an id.
  if (isUuid(hostname.toLowerCase())) return freeName(tx, `host-${hostname}`)
  // By the index of names: those that only begin so are looked for among all hosts, and hardly ever have to be.
  const same = await tx.selectFrom('host').select('id').where('name', '=', hostname).executeTakeFirst()
  if (!same) return hostname
  const rows = await tx.selectFrom('host').select('name').where('name', 'like', `${hostname}%`).execute()
  const taken = new Set(rows.map(row => row.name))
  for (let n = 2; ; n++) {
    const name = `${hostname}-${n}`
    if (!taken.has(name)) return name
  }
}

export const joiningHost = { byMachine, byName, find: joining, insert, renew, freeName }
