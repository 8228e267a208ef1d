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
/** Whether a host `x` takes instances now. */
const isTaker = sql<boolean>`(x.removed_at is null and x.schedulable and host_shown_there(x.session_controller_id, x.session_epoch, x.expected_epoch)
  and not exists (select from maintenance q where q.host_id = x.id))`
/** Whether none of them could take it now. Of a pool that more hosts have it is not said. */
const isAlone = sql<boolean>`(not exists (select from ${sharers} x join cluster y on y.id = x.cluster_id
  where y.zone_id = i.zone_id and ${isTaker}) and (select count(*) from ${sharers} x) < ${sql.lit(looked_at_max)})`

/** Whether a host `h`, after a boot, asks before it starts anything: another one that leaves its sign there has its pool. */
export const asksFirst = sql<boolean>`(h.asks_first and exists (select from host x
  where x.pool_id = h.pool_id and x.id <> h.id and x.asks_first and x.removed_at is null))`
/** Whether nothing of a host `h` runs, nor comes up unasked, whatever its watchdog guards. */
const isSurelyOff = sql<boolean>`(exists (select from host_absence f where f.host_id = h.id and f.fenced_by <> 'lease') and ${asksFirst})`

const isPerhapsElsewhere = sql<boolean>`exists (select from migration d where d.instance_id = i.id and d.phase = 'discarding' and d.kind = 'live'
    and d.source_host_id = i.host_id and d.sending_at is not null)`
const isInStorm = sql<boolean>`exists (select from zone_storm q where q.zone_id = i.zone_id and q.overridden_at is null)`
const foundNoRoom = sql<boolean>`exists (select from host_absence a join ha_restart r on r.instance_id = i.id
    where a.host_id = i.host_id and r.outcome = 'no_room' and r.begun_at >= a.since)`

/**
 * What bears on its restart elsewhere and is in no row of its own: read of highly available ones alone, as words in a fixed order.
 * `pool_shared`, `keeps_leases`, `surely_off`, `alone`, `perhaps_elsewhere`, `storm`, `no_room`: see HaSituation.
 */
export const haFacts = sql<string | null>`case when i.availability = 'high' then concat_ws(' ',
  case when h.keeps_leases then 'keeps_leases' end,
  case when ${isSurelyOff} then 'surely_off' end,
  case when exists (select from host x where x.pool_id = h.pool_id and x.id <> h.id and x.removed_at is null) then 'pool_shared' end,
  case when ${isAlone} then 'alone' end,
  case when ${isPerhapsElsewhere} then 'perhaps_elsewhere' end,
  case when ${isInStorm} then 'storm' end,
  case when ${foundNoRoom} then 'no_room' end) end`

/**
 * Ids of all, in a project or in any, of which haObstacle (model/availability.ts) has something to say; a test holds the two together. No index can
 * carry what others' rows say, so that each page looks at all that are highly available, and at each pool once. `offset 0`: or it would be at each
 * instance anew.
 */
export const obstructed = (project_id: string | null) => sql`select i.id
  from instance i join host h on h.id = i.host_id left join instance_observed s on s.instance_id = i.id
  left join (select pool_id, count(*) as hosts from host where removed_at is null group by pool_id) p on p.pool_id = h.pool_id
  left join (select x.pool_id, y.zone_id, count(*) as takers from host x join cluster y on y.id = x.cluster_id where ${isTaker} group by 1, 2) t
    on t.pool_id = h.pool_id and t.zone_id = i.zone_id
  where i.availability = 'high' and i.wanted_power = 'running' and i.deleted_at is null
    and ${project_id === null ? sql`true` : sql`i.project_id = ${project_id}::uuid`}
    and (i.held_generation is not null or coalesce(p.hosts, 0) < 2
      or (coalesce(s.guarded_version < i.guard_from, true) and not ${isSurelyOff})
      or (not ${isShownThere} and (${isPerhapsElsewhere} or ${isInStorm} or ${foundNoRoom}))
      or (p.hosts <= ${sql.lit(looked_at_max)} and coalesce(t.takers, 0) = (select count(*) from host x join cluster y on y.id = x.cluster_id
        where x.id = h.id and y.zone_id = i.zone_id and ${isTaker}))) offset 0`

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
  zone: string
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
    surely_off: facts.includes('surely_off'),
    pool_shared: facts.includes('pool_shared'),
    perhaps_elsewhere: facts.includes('perhaps_elsewhere'),
    storm: facts.includes('storm'),
    zone: row.zone,
    no_room: facts.includes('no_room'),
    alone: facts.includes('alone'),
  }
}
