/** Empties hosts in maintenance: begins as many moves as the limits allow, and the next as one ends. */
import { moveAway, noteDrained } from '../app/maintenance.ts'
import type { Cloud } from '../cloud.ts'
import { maintenance } from '../store/maintenance.ts'
import { Loop } from './loop.ts'

const every_ms = 5000

export function maintenanceLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  return new Loop({ name: 'emptying hosts', clock, log, every_ms, pass: () => drain(cloud) })
}

export async function drain(cloud: Cloud): Promise<boolean> {
  for (const host_id of await maintenance.hosts(cloud.database.db)) await drainOne(cloud, host_id)
  return false
}

async function drainOne(cloud: Cloud, host_id: string): Promise<void> {
  const { db } = cloud.database
  await cloud.settings.learn(db, [host_id])
  const per_host = cloud.settings.at('migration.parallel_per_host', { host_id })
  const per_cluster = cloud.settings.at('migration.parallel_per_cluster', { host_id })
  // Some that are obstructed must not hide those that are not.
  for (const instance_id of await maintenance.next(db, host_id, 20 + 10 * per_host)) {
    // Each in a transaction of its own: one that fails holds up none of the others.
    const step = await cloud.database.transaction(async tx => {
      const row = await maintenance.lock(tx, host_id)
      if (!row) return 'over'
      const { hosts, clusters } = await maintenance.busy(tx)
      const cluster_id = await maintenance.clusterOf(tx, host_id)
      if ((hosts.get(host_id) ?? 0) >= per_host || (clusters.get(cluster_id) ?? 0) >= per_cluster) return 'full'
      const busy = [...hosts].flatMap(([id, n]) => (id !== host_id && n >= per_host ? [id] : []))
      return await moveAway(cloud, tx, row, instance_id, busy)
    })
    if (step === 'over') return
    if (step === 'full') break
  }
  await cloud.database.transaction(async tx => {
    const row = await maintenance.lock(tx, host_id)
    if (row) await noteDrained(tx, row)
  })
}
