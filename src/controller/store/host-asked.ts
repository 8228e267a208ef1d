/** Which hosts are asked for: conditions on the rows that `host.list` reads, by their names there. */
import { type RawBuilder, sql } from 'kysely'
import type { HostAvailability } from '../../model/host-state.ts'

export interface HostsAsked {
  name?: string | undefined
  cluster_id?: string | undefined
  zone_id?: string | undefined
  schedulable?: boolean | undefined
  aggregate_id?: string | undefined
  availability?: HostAvailability | undefined
  attention?: boolean | undefined
  bmc?: boolean | undefined
  /** Each a key, or KEY=VALUE; all of them. */
  label?: readonly string[] | undefined
}

/** As hostAvailability (model/host-state.ts) tells it of a row. */
const availability = sql<HostAvailability>`case
  when a.fenced_by is not null then 'fenced' when a.dead_at is not null then 'dead' when a.asked_at is not null then 'suspect'
  when a.cause = 'late' and h.session_controller_id is not null then 'late' when a.host_id is not null then 'silent'
  when x.host_id is not null then 'maintenance' when h.session_controller_id is not null then 'up' else 'silent' end`

/** As disbelieved (host-belief.ts) finds it. An address that is only spelled otherwise counts here, too: text is no address to PostgreSQL 15 before it is sure to be one. */
const disbelieved = sql<boolean>`(coalesce(h.facts->>'tunnel_address', '') not in ('', coalesce(h.tunnel_address, h.facts->>'tunnel_address', ''))
  or coalesce(h.facts->>'pool_id', '') not in ('', coalesce(h.pool_id::text, 'none')))`

/** Something is in the way of its maintenance. */
export const obstructed = sql<boolean>`exists (select from maintenance_obstacle w where w.host_id = h.id)`

/** As attentionOf (model/host-attention.ts) finds it. Of one that holds its link it may be noted, too, that nothing is heard of it: it is late, or others are asked already. */
const attention = sql<boolean>`(h.session_controller_id is null or a.host_id is not null or h.foreign_domains::text <> '[]'
  or h.other_hardware is not null or exists (select from held_instance d where d.host_id = h.id)
  or ${obstructed} or ${disbelieved})`

export function conditionsOf(asked: HostsAsked): RawBuilder<boolean>[] {
  const { name, cluster_id, zone_id, schedulable, aggregate_id, bmc, label = [] } = asked
  return [
    name !== undefined && sql<boolean>`h.name = ${name}`,
    cluster_id !== undefined && sql<boolean>`h.cluster_id = ${cluster_id}`,
    // Hosts are some thousands, all of which other filters look at, too: without indexes of their own.
    zone_id !== undefined && sql<boolean>`h.cluster_id in (select zc.id from cluster zc where zc.zone_id = ${zone_id})`,
    schedulable !== undefined && sql<boolean>`h.schedulable = ${schedulable}`,
    aggregate_id !== undefined &&
      sql<boolean>`exists (select from aggregate_host g where g.host_id = h.id and g.aggregate_id = ${aggregate_id})`,
    bmc !== undefined && sql<boolean>`exists (select from host_bmc m where m.host_id = h.id) = ${bmc}`,
    // As hasLabel (model/host-label.ts) has it.
    ...label.map(
      one =>
        sql<boolean>`exists (select from jsonb_each_text(h.labels) l where ${one} in (l.key, l.key || '=' || l.value))`,
    ),
    asked.availability !== undefined && sql<boolean>`${availability} = ${asked.availability}`,
    asked.attention !== undefined && sql<boolean>`${attention} = ${asked.attention}`,
  ].filter(condition => condition !== false)
}
