/** The more memory is free the better, so that load spreads. */
import { freeShare, type Weight } from '../weight.ts'

export const freeMemory: Weight = {
  factor: 2,
  weigh: (host, claims) => freeShare(host.memory_limit_mib, claims.memory_mib),
}
