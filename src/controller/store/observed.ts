/** What hosts report of instances: the only writer of what is observed. Only a newer report of the host that holds the claim wins. */
import { sql } from 'kysely'
import type { InstanceReport } from '../../protocol/messages.ts'
import { type Db, json, type Tx } from './database.ts'
import type { Static } from 'typebox'

/** What a host said of an instance in its report of this number. */
type Report = Static<typeof InstanceReport> & { host_id: string; report: number }

export interface AppliedReport {
  id: string
  host_id: string
  project_id: string
  deleted: boolean
  wanted_power: string
  generation: number
  compute_claimed: boolean
  /** Not null: the host holds something newer than what is wanted here; see store/held.ts. */
  held_generation: number | null
  /** It ran once, wherever that was. */
  ever_ran: boolean
  /** Something that people see has changed: worth an event. */
  changed: boolean
  /** Its watchdog fired since: worth an event of its own. */
  watchdog_fired: boolean
}

/**
 * Writes reports of instances that are placed on the host that reports; any others are ignored (hosts are not trusted).
 * Returns the instances whose row was written. An instance at most once per host.
 */
async function apply(tx: Tx, reports: readonly Report[]): Promise<AppliedReport[]> {
  if (reports.length === 0) return []
  const rows = json(reports)
  const { rows: applied } = await sql<AppliedReport>`
    with said as (
      select r.* from jsonb_to_recordset(${rows}) as r (
        id uuid, host_id uuid, report bigint, applied_generation bigint, power text, failure text, progress jsonb, started_at timestamptz,
        guest_addresses jsonb, guest_agent text, guest_os text, crashes jsonb, watchdog jsonb, guarded_version bigint,
        refused boolean)
    ), before as (
      select i.id, i.host_id, i.project_id, i.deleted_at is not null as deleted, i.wanted_power, i.generation, i.compute_claimed, i.held_generation,
        coalesce(o.ever_ran, false) as ever_ran,
        o.instance_id is null or (o.applied_generation, o.power) is distinct from (s.applied_generation, s.power)
          or o.failure is distinct from s.failure or o.progress is distinct from nullif(s.progress, 'null'::jsonb)
          or o.guest_addresses is distinct from array(select jsonb_array_elements_text(s.guest_addresses))
          or o.crashes is distinct from nullif(s.crashes, 'null'::jsonb) or o.watchdog is distinct from nullif(s.watchdog, 'null'::jsonb)
          or (o.guest_agent, o.guest_os) is distinct from (coalesce(s.guest_agent, 'disconnected'), s.guest_os) as changed,
        coalesce(s.watchdog->>'fired_at' is distinct from o.watchdog->>'fired_at' and s.watchdog->>'fired_at' is not null, false) as watchdog_fired
      from said s join instance i on i.id = s.id and i.host_id = s.host_id
      left join instance_observed o on o.instance_id = i.id
    ), written as (
      insert into instance_observed as o (instance_id, report, applied_generation, power, failure, progress, started_at,
        guest_addresses, guest_agent, guest_os, crashes, watchdog, guarded_version, ever_ran, refused, observed_at)
      select s.id, s.report, least(s.applied_generation, b.generation), s.power, s.failure, nullif(s.progress, 'null'::jsonb),
        s.started_at, array(select jsonb_array_elements_text(s.guest_addresses)),
        coalesce(s.guest_agent, 'disconnected'), s.guest_os, nullif(s.crashes, 'null'::jsonb), nullif(s.watchdog, 'null'::jsonb),
        s.guarded_version, s.power in ('running', 'paused', 'crashed'),
        coalesce(s.refused, false), croft_now()
      from said s join before b on b.id = s.id and b.host_id = s.host_id
      on conflict (instance_id) do update set report = excluded.report, applied_generation = excluded.applied_generation,
        power = excluded.power, failure = excluded.failure, progress = excluded.progress, started_at = excluded.started_at,
        guest_addresses = excluded.guest_addresses, guest_agent = excluded.guest_agent, guest_os = excluded.guest_os,
        crashes = excluded.crashes, watchdog = excluded.watchdog, guarded_version = excluded.guarded_version,
        ever_ran = o.ever_ran or excluded.ever_ran, refused = excluded.refused, observed_at = excluded.observed_at
      where o.report < excluded.report
      returning o.instance_id
    )
    select b.* from before b join written w on w.instance_id = b.id order by b.id`.execute(tx)
  return applied
}

/** The instances placed on hosts, whose shown state changes as these come or go. */
async function ofHosts(db: Db, host_ids: readonly string[]): Promise<{ id: string; project_id: string }[]> {
  return await db
    .selectFrom('instance')
    .select(['id', 'project_id'])
    .where('host_id', 'in', host_ids)
    .orderBy('id')
    .execute()
}

export const observed = { apply, ofHosts }
