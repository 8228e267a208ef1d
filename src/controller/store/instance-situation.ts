/**
 * What bears on an instance when its host is lost, and is in no row of its own: words in a fixed order, which are part of the stamp by which
 * instances are shown (instance-shown.ts). They cost little: read of highly available ones, or of hosts that do not answer.
 */
import { type Selectable, sql } from 'kysely'
import type { HaSituation } from '../../model/availability.ts'
import type { FencingMethod } from '../../model/host-state.ts'
import { isShownThere } from './host-link.ts'
import type { InstanceTable } from './schema.ts'

const looked_at_max = 32
/** Other hosts of its pool: so many at most, as nothing may take long when thousands are lost and every instance looks at all of them. */
const sharers = sql`(select x.* from host x where x.pool_id = h.pool_id and x.id <> h.id and x.removed_at is null limit ${sql.lit(looked_at_max)})`
/** Whether none of them could take it now. Of a pool that more hosts have it is not said. */
const isAlone = sql<boolean>`(not exists (select from ${sharers} x join cluster y on y.id = x.cluster_id
  where x.schedulable and y.zone_id = i.zone_id and host_shown_there(x.session_controller_id, x.session_epoch, x.expected_epoch)
    and not exists (select from maintenance q where q.host_id = x.id)) and (select count(*) from ${sharers} x) < ${sql.lit(looked_at_max)})`

/**
 * What bears on its restart elsewhere and is in no row of its own: read of highly available ones alone, as words in a fixed order.
 * `pool_shared`, `keeps_leases`, `alone`, `perhaps_elsewhere`, `storm`, `no_room`: see HaSituation.
 */
export const haFacts = sql<string | null>`case when i.availability = 'high' then concat_ws(' ',
  case when h.keeps_leases then 'keeps_leases' end,
  case when exists (select from host x where x.pool_id = h.pool_id and x.id <> h.id and x.removed_at is null) then 'pool_shared' end,
  case when ${isAlone} then 'alone' end,
  case when exists (select from migration d where d.instance_id = i.id and d.phase = 'discarding' and d.kind = 'live'
    and d.source_host_id = i.host_id and d.sending_at is not null) then 'perhaps_elsewhere' end,
  case when exists (select from zone_storm q where q.zone_id = i.zone_id and q.overridden_at is null) then 'storm' end,
  case when exists (select from host_absence a join ha_restart r on r.instance_id = i.id
    where a.host_id = i.host_id and r.outcome = 'no_room' and r.begun_at >= a.since) then 'no_room' end) end`

/** Of hosts that do not answer alone: whether what runs on one was made sure to be off, and how. */
export const fencedBy = sql<FencingMethod | null>`case when not ${isShownThere} then
  (select f.fenced_by from host_absence f where f.host_id = h.id) end`

interface SituationRow
  extends Pick<
    Selectable<InstanceTable>,
    'availability' | 'wanted_power' | 'deleted_at' | 'held_generation' | 'guard_from'
  > {
  guarded_version: number | null
  answers: boolean
  ha_facts: string | null
}

/** In the words of model/availability.ts. */
export function haSituation(row: SituationRow): HaSituation {
  const facts = row.ha_facts?.split(' ') ?? []
  return {
    availability: row.availability,
    wanted_power: row.wanted_power,
    deleted: row.deleted_at !== null,
    held: row.held_generation !== null,
    guard_from: row.guard_from,
    guarded_version: row.guarded_version,
    // As the state has it: what is kept of an instance is kept as long as that is.
    host_answers: row.answers,
    keeps_leases: facts.includes('keeps_leases'),
    pool_shared: facts.includes('pool_shared'),
    perhaps_elsewhere: facts.includes('perhaps_elsewhere'),
    storm: facts.includes('storm'),
    no_room: facts.includes('no_room'),
    alone: facts.includes('alone'),
  }
}
