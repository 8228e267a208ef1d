/** The more vCPUs are free the better, so that load spreads. */
import { freeShare, type Weight } from '../weight.ts'

export const freeVcpus: Weight = {
  factor: 1,
  weigh: (host, claims) => freeShare(host.vcpus_limit, claims.vcpus),
}
