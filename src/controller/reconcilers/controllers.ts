/**
 * Controllers among each other: each keeps its lease and its own links in order, and all see to the hosts of one that is gone. Those hosts dial
 * another controller by themselves; until they do they are shown as unreachable.
 */
import type { Cloud } from '../cloud.ts'
import { endSession } from '../agents/reports.ts'
import { controller } from '../store/controller.ts'
import { host } from '../store/host.ts'

/** A lease outlives two missed passes. */
export const lease_pass_ms = 5000
export const lease_s = 20

export async function keepLease(cloud: Pick<Cloud, 'database' | 'self' | 'agents'>): Promise<boolean> {
  await controller.renew(cloud.database.db, cloud.self, lease_s)
  await cloud.agents.reconcile()
  for (const { id, epoch } of await host.orphaned(cloud.database.db)) await endSession(cloud.database, id, epoch)
  return false
}
