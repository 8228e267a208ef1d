/** The more disk is free the better, so that load spreads. */
import { diskClaimed } from '../snapshot.ts'
import { freeShare, type Weight } from '../weight.ts'

export const freeDisk: Weight = {
  factor: 0.5,
  weigh: (host, claims) => freeShare(host.disk_limit_gib, diskClaimed(host, claims)),
}
