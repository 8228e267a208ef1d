/** Clusters. A new overcommit counts for what may be placed from now on; nothing that runs is moved for it. */
import type { Cluster, clusterRoutes } from '../../api/cluster.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { ClusterId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { cluster } from '../store/cluster.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { applyLimits } from '../store/host-limits.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { changesOf } from './changed.ts'

export function listClusters(cloud: Cloud, query: QueryOf<typeof clusterRoutes.list>): Promise<Page<Cluster>> {
  return cluster.list(cloud.database.db, query)
}

export async function getCluster(cloud: Cloud, id: string): Promise<Cluster> {
  const found = await cluster.find(cloud.database.db, id)
  if (!found) throw notFound('cluster', id)
  return found
}

function nameTaken(name: string | undefined) {
  return {
    cluster_name_key: () => new CloudError('name_taken', `There is a cluster '${name}' already. Choose another name.`),
  }
}

async function record(
  tx: Tx,
  caller: Caller,
  kind: string,
  resource_id: string,
  detail: ReturnType<typeof changesOf> = null,
): Promise<void> {
  const what = { noun: 'cluster', kind, resource_id, project_id: null }
  await event.record(tx, [{ ...what, ...by(caller), ...(detail && { detail }) }])
}

export function createCluster(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof clusterRoutes.create>,
): Promise<Cluster> {
  const id = makeId<ClusterId>(cloud)
  return change(cloud, caller, async tx => {
    const created = await onConstraint(cluster.insert(tx, { ...asked, id }), {
      ...nameTaken(asked.name),
      cluster_zone_id_fkey: () => notFound('zone', asked.zone_id),
    })
    await record(tx, caller, 'created', id)
    return created
  })
}

export function updateCluster(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof clusterRoutes.update>,
): Promise<Cluster> {
  return change(cloud, caller, async (tx, _, noteAudit) => {
    const before = await cluster.lock(tx, id)
    const updated = await onConstraint(cluster.update(tx, id, asked), nameTaken(asked.name))
    if (!before || !updated) throw notFound('cluster', id)
    if (asked.cpu_overcommit !== undefined || asked.memory_overcommit !== undefined) {
      const place = { cluster_id: id, zone_id: updated.zone_id }
      await applyLimits(tx, { cluster_id: id }, cloud.settings.at('host.reserved_memory_mib', place))
    }
    const changes = changesOf(before, updated, asked)
    noteAudit(changes)
    await record(tx, caller, 'changed', id, changes)
    // With the new overcommit its hosts may promise something else.
    return (await cluster.find(tx, id)) ?? updated
  })
}

export function deleteCluster(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const removed = await onConstraint(cluster.remove(tx, id), {
      host_cluster_id_fkey: () =>
        new CloudError(
          'in_use',
          'The cluster still has hosts. Bring each to another one, in maintenance and empty (croft host update HOST --cluster CLUSTER), or remove it (croft host remove HOST).',
        ),
      join_token_cluster_id_fkey: () =>
        new CloudError('in_use', 'Tokens for hosts to join this cluster are still good. They expire within a day.'),
    })
    if (!removed) throw notFound('cluster', id)
    await record(tx, caller, 'deleted', id)
    return null
  })
}
