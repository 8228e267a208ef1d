/** Only hosts whose CPU has all that the instances of their cluster are given: what is placed there could not start, nor move. */
import type { Filter } from '../filter.ts'

export const cpuBaseline: Filter = {
  fault: 'the CPU lacks what the cluster’s instances have',
  remedy: 'have the CPU of the cluster reckoned anew (croft cluster plan-cpu-baseline)',
  refuses: host => host.cpu_missing !== undefined && host.cpu_missing !== null,
  why: host => {
    const missing = host.cpu_missing ?? []
    return `has a CPU that lacks ${missing.length > 0 ? missing.join(', ') : 'something'} of its cluster's baseline`
  },
}
