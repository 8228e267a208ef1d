/**
 * A host goes to another cluster, in its transaction. Nothing may be on it that the old one has rules for, and nothing can come meanwhile: it is
 * in maintenance. What follows of being in a cluster follows anew, as if it had joined there: docs/operators.md, "Another cluster".
 */
import { CloudError, notFound } from '../../model/errors.ts'
import { counted } from '../../model/words.ts'
import type { Cloud } from '../cloud.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { lockClaims } from '../store/host-claim.ts'
import { hostCluster } from '../store/host-cluster.ts'
import { applyLimits } from '../store/host-limits.ts'
import { migration } from '../store/migration.ts'
import { volume } from '../store/volume.ts'

/** The host is locked. Returns the clusters' names; null when it is there already. Throws not_found, wrong_state, in_use. */
export async function moveToCluster(
  cloud: Cloud,
  tx: Tx,
  id: string,
  cluster_id: string,
): Promise<{ from: string; to: string } | null> {
  const at = await hostCluster.of(tx, id)
  if (at.cluster_id === cluster_id) return null
  const next = await hostCluster.lock(tx, cluster_id)
  if (!next) throw notFound('cluster', cluster_id)
  // Whoever is placing something there is waited for.
  await lockClaims(tx, [id])
  await mustBeFree(tx, { id, ...at }, next.zone_id)
  await hostCluster.set(tx, id, cluster_id)
  const place = { host_id: id, cluster_id, zone_id: next.zone_id }
  await applyLimits(tx, { host_id: id }, cloud.settings.at('host.reserved_memory_mib', place))
  // Settings of clusters and zones are others' now; whether it carries the CPU is asked; who judges it when it is silent is found out.
  await event.notify(tx, 'croft_setting', '')
  await event.notify(tx, channels.work, 'cpu-baseline')
  await event.notify(tx, channels.absence, id)
  await event.notify(tx, channels.host, id)
  await event.notify(tx, channels.network, '')
  for (const resource_id of [at.cluster_id, cluster_id])
    await event.record(tx, [{ noun: 'cluster', kind: 'changed', resource_id, project_id: null }])
  return { from: at.cluster, to: next.name }
}

type Here = Awaited<ReturnType<typeof hostCluster.of>> & { id: string }

async function mustBeFree(tx: Tx, { id, name, zone_id, in_maintenance }: Here, to_zone_id: string): Promise<void> {
  if (!in_maintenance) {
    throw new CloudError(
      'wrong_state',
      `The host ${name} takes instances. Empty it first, which moves them within their cluster: croft host maintenance start ${name}.`,
    )
  }
  const instances = await host.instanceCount(tx, id)
  if (instances > 0) {
    throw new CloudError(
      'in_use',
      `The host ${name} still holds ${counted(instances, 'instance')} (deleted ones count until they are purged): they have the CPU and the zone of its ` +
        `cluster. Wait until it is empty: croft host maintenance show ${name}.`,
      { instances },
    )
  }
  const moves = (await migration.openOfHost(tx, id)).length
  if (moves > 0) {
    throw new CloudError(
      'in_use',
      `The host ${name} still has a part in ${counted(moves, 'migration')}: wait for their end (croft migration list --host ${name} --open).`,
      { migrations: moves },
    )
  }
  const unsettled = (await host.find(tx, id))?.disagreements.length ?? 0
  if (unsettled > 0) {
    throw new CloudError(
      'in_use',
      `The host ${name} holds ${unsettled} things that the database does not know, and that belong where it is: settle them first (croft host reconcile ${name}).`,
      { unsettled },
    )
  }
  const volumes = to_zone_id === zone_id ? 0 : await volume.looseCount(tx, id)
  if (volumes > 0) {
    throw new CloudError(
      'in_use',
      `The other cluster is in another zone, and the host ${name} holds ${volumes} volumes that no instance has: their owners chose this zone. ` +
        'Delete them first, or choose a cluster of the same zone.',
      { volumes },
    )
  }
}
