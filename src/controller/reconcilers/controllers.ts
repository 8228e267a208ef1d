/**
 * Controllers among each other: each keeps its lease and its own links in order, and all see to the hosts of one that is gone. Those hosts dial
 * another controller by themselves; until they do they are shown as unreachable.
 */
import type { Cloud } from '../cloud.ts'
import { leaseTimes } from '../../model/lease.ts'
import { controller } from '../store/controller.ts'
import { host } from '../store/host.ts'

/** A lease outlives two missed passes. */
export const lease_pass_ms = leaseTimes.controller_pass_ms
const lease_s = leaseTimes.controller_lease_ms / 1000

export async function keepLease(cloud: Pick<Cloud, 'database' | 'self' | 'agents'>): Promise<boolean> {
  await controller.renew(cloud.database.db, cloud.self, lease_s)
  await cloud.agents.reconcile()
  await cloud.agents.writeOff(await host.orphaned(cloud.database.db))
  return false
}
