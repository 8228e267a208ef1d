/**
 * Controllers among each other: each keeps its lease and its own links in order, and all see to the hosts of one that is gone. Those hosts dial
 * another controller by themselves; until they do they are shown as unreachable.
 */
import type { Cloud } from '../cloud.ts'
import { leaseTimes } from '../../model/lease.ts'
import { endSession } from '../agents/reports.ts'
import { controller } from '../store/controller.ts'
import { host } from '../store/host.ts'

/** A lease outlives two missed passes. */
export const lease_pass_ms = leaseTimes.controller_pass_ms
const lease_s = leaseTimes.controller_lease_ms / 1000

export async function keepLease(cloud: Pick<Cloud, 'database' | 'self' | 'agents'>): Promise<boolean> {
  await controller.renew(cloud.database.db, cloud.self, lease_s)
  await cloud.agents.reconcile()
  for (const { id, epoch } of await host.orphaned(cloud.database.db))
    await endSession(cloud.database, id, epoch, 'controller_gone')
  return false
}
