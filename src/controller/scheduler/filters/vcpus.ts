/** Not more vCPUs than the host's, times its cluster's overcommit. */
import { type Filter, lacks } from '../filter.ts'
import { vcpusNeeded } from '../snapshot.ts'

export const vcpus: Filter = {
  fault: 'too few vCPUs are free',
  refuses: (host, claims, asked) => vcpusNeeded(host, claims, asked) > Math.max(0, host.vcpus_limit - claims.vcpus),
  why: (host, claims, asked) => {
    const needed = vcpusNeeded(host, claims, asked)
    const of_own = needed === asked.vcpus ? '' : ` (${asked.vcpus} on CPUs of its own, which others would have shared)`
    return lacks(`${needed === 1 ? 'vCPU' : 'vCPUs'}${of_own}`, '', needed, host.vcpus_limit, claims.vcpus)
  },
}
