/** Not more vCPUs than the host's, times its cluster's overcommit. */
import { type Filter, lacks } from '../filter.ts'

export const vcpus: Filter = {
  fault: 'too few vCPUs are free',
  refuses: (host, claims, asked) => asked.vcpus > Math.max(0, host.vcpus_limit - claims.vcpus),
  why: (host, claims, asked) =>
    lacks(asked.vcpus === 1 ? 'vCPU' : 'vCPUs', '', asked.vcpus, host.vcpus_limit, claims.vcpus),
}
