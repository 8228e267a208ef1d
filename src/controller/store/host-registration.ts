/** Machines that wait to be hosts, in the database. */
import { sql } from 'kysely'
import type { HostRegistration } from '../../api/host-registration.ts'
import type { HardwareId } from '../../model/hardware-id.ts'
import { type FoundSummary, keyCode } from '../../protocol/join.ts'
import { channels, type Db, json, type Tx } from './database.ts'
import { event } from './event.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

/** Another than it was let in as: of itself nobody is to be warned. */
const known = (condition: ReturnType<typeof sql<boolean>>) =>
  sql<HostRegistration['same_machine']>`(select json_build_object('id', h.id, 'name', h.name,
    'linked', h.session_controller_id is not null) from host h
    where ${condition} and h.removed_at is null and h.id is distinct from r.host_id)`

function selectAll(db: Db) {
  return db
    .selectFrom('host_registration as r')
    .leftJoin('cluster as c', 'c.id', 'r.cluster_id')
    .leftJoin('host as l', 'l.id', 'r.host_id')
    .selectAll('r')
    .select(['c.name as cluster', 'l.name as host'])
    .select([
      known(sql<boolean>`h.machine_id = r.machine_id`).as('same_machine'),
      known(sql<boolean>`h.name = r.hostname`).as('same_name'),
      sql<number>`(select count(*)::int from host_registration o
        where o.machine_id = r.machine_id and o.state = 'pending' and o.id <> r.id)`.as('same_machine_pending'),
    ])
}

type Row = Awaited<ReturnType<ReturnType<typeof selectAll>['execute']>>[number]

function toRegistration(row: Row): HostRegistration {
  const { os, kernel, arch, cpu_model, agent_version, cpus, memory_mib } = row.found as FoundSummary
  return {
    id: row.id,
    name: row.hostname,
    state: row.state,
    code: keyCode(row.key_sha256),
    key_sha256: row.key_sha256.toString('hex'),
    address: row.address,
    machine_id: row.machine_id,
    invited: row.invited,
    cluster_id: row.cluster_id,
    cluster: row.cluster,
    found: {
      os: os ?? null,
      kernel: kernel ?? null,
      arch: arch ?? null,
      cpu_model: cpu_model ?? null,
      agent_version: agent_version ?? null,
      cpus: cpus ?? null,
      memory_mib: memory_mib ?? null,
    },
    same_machine: row.same_machine,
    same_name: row.same_name,
    same_machine_pending: row.same_machine_pending,
    host_id: row.host_id,
    host: row.host,
    asked_at: row.asked_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    created_at: row.created_at.toISOString(),
  }
}

async function list(
  db: Db,
  asked: PageAsked & { name?: string | undefined; state?: HostRegistration['state'] | undefined },
): Promise<Page<HostRegistration>> {
  const keys = keyset(asked, sql`r.id`, { name: { column: sql`r.hostname` } })
  let query = selectAll(db)
    .select(keys.key.as('sort_key'))
    .where(keys.where)
    .where(sql<boolean>`r.expires_at > croft_now()`)
  if (asked.name !== undefined) query = query.where('r.hostname', '=', asked.name)
  if (asked.state !== undefined) query = query.where('r.state', '=', asked.state)
  return readPage(query, keys, toRegistration)
}

async function find(db: Db, id: string): Promise<HostRegistration | null> {
  const row = await selectAll(db).where('r.id', '=', id).executeTakeFirst()
  return row ? toRegistration(row) : null
}

export type RegistrationRow = Awaited<ReturnType<typeof lock>>

/** Locked, with what only the controller sees of it. */
async function lock(tx: Tx, id: string) {
  const row = await tx.selectFrom('host_registration').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  return row ? { ...row, hardware: row.hardware_id as HardwareId | null } : null
}

/** Locked; the one of this key that has not expired. */
async function lockByKey(tx: Tx, key_sha256: Buffer) {
  const row = await tx
    .selectFrom('host_registration')
    .selectAll()
    .where('key_sha256', '=', key_sha256)
    .where('expires_at', '>', sql<Date>`croft_now()`)
    .forUpdate()
    .executeTakeFirst()
  return row ? { ...row, hardware: row.hardware_id as HardwareId | null } : null
}

/** How many wait, in all and from this address. One transaction at a time counts and adds. */
async function countPending(tx: Tx, address: string): Promise<{ all: number; of_address: number }> {
  await sql`select pg_advisory_xact_lock(hashtext('croft.registration'))`.execute(tx)
  return await tx
    .selectFrom('host_registration')
    .select([
      sql<number>`count(*)::int`.as('all'),
      sql<number>`(count(*) filter (where address = ${address}))::int`.as('of_address'),
    ])
    .where('state', '=', 'pending')
    .where('expires_at', '>', sql<Date>`croft_now()`)
    .executeTakeFirstOrThrow()
}

export interface NewRegistration {
  id: string
  key_sha256: Buffer
  csr_pem: string
  hostname: string
  machine_id: string
  address: string
  hardware: HardwareId | null
  found: FoundSummary
  cluster_id: string | null
  invited: boolean
  /** It is forgotten so long after it asked last. */
  days: number
}

/** In the place of an expired one of the same key. */
async function insert(tx: Tx, { days, found, hardware, ...made }: NewRegistration): Promise<void> {
  await tx.deleteFrom('host_registration').where('key_sha256', '=', made.key_sha256).execute()
  await tx
    .insertInto('host_registration')
    .values({
      ...made,
      found: json(found),
      hardware_id: hardware && json(hardware),
      expires_at: sql<Date>`croft_now() + make_interval(days => ${days}::int)`,
    })
    .execute()
}

async function asked(tx: Tx, id: string, days: number): Promise<void> {
  await sql`update host_registration set asked_at = croft_now(), expires_at = croft_now() + make_interval(days => ${days}::int)
    where id = ${id}`.execute(tx)
}

interface Decided {
  state: 'approved' | 'rejected'
  decided_by: string
  host_id?: string
  certificate_pem?: string
  /** Where it has come to be, whoever said so. */
  cluster_id?: string
}

/** Wakes whoever waits for it. */
async function decide(tx: Tx, id: string, decided: Decided): Promise<void> {
  await tx
    .updateTable('host_registration')
    .set({
      ...decided,
      decided_at: sql<Date>`croft_now()`,
      // A machine that is off now finds it when it is back.
      expires_at: sql<Date>`croft_now() + interval '7 days'`,
    })
    .where('id', '=', id)
    .execute()
  await event.notify(tx, channels.registration, id)
}

export const hostRegistration = { list, find, lock, lockByKey, countPending, insert, asked, decide }
