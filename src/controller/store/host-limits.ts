/**
 * How much may be promised of hosts: what they have, less what is kept back, times how far their cluster is promised. Memory that is set aside as huge
 * pages is promised once: each page is somebody's own, and whoever has usual memory cannot use it.
 */
import { sql } from 'kysely'
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { Tx } from './database.ts'
import { hugeMibOf } from './host-hardware.ts'

/** What may be promised of a host, from its facts, its cluster's overcommit and what is kept back. */
export function limitsOf(
  facts: HostFacts,
  row: {
    cpu_overcommit: number
    memory_overcommit: number
    reserved_memory_mib: number | null
    reserved_vcpus: number | null
  },
  reserved_mib: number,
) {
  const huge_mib = hugeMibOf(facts)
  const usual_mib = facts.memory_mib - huge_mib - (row.reserved_memory_mib ?? reserved_mib)
  return {
    vcpus_limit: Math.max(0, Math.floor((facts.cpus - (row.reserved_vcpus ?? 0)) * row.cpu_overcommit)),
    memory_limit_mib: Math.max(0, Math.floor(usual_mib * row.memory_overcommit)) + huge_mib,
    disk_limit_gib: facts.pool_total_gib,
  }
}

/** What may be promised of the hosts of a cluster, or of one of them, reckoned anew: as limitsOf does when a host reports its facts. */
export async function applyLimits(
  tx: Tx,
  of: { cluster_id: string } | { host_id: string },
  reserved_mib: number,
): Promise<void> {
  const which = 'host_id' in of ? sql`h.id = ${of.host_id}::uuid` : sql`c.id = ${of.cluster_id}::uuid`
  await sql`update host h set
      vcpus_limit = greatest(0,
        floor(((h.facts->>'cpus')::numeric - coalesce(h.reserved_vcpus, 0)) * c.cpu_overcommit))::int,
      memory_limit_mib = greatest(0, floor(((h.facts->>'memory_mib')::numeric - h.huge_mib
        - coalesce(h.reserved_memory_mib, ${reserved_mib}::int)) * c.memory_overcommit))::bigint + h.huge_mib
    from cluster c where c.id = h.cluster_id and ${which} and h.facts is not null`.execute(tx)
}
