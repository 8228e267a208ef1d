/** Only hosts whose CPU has all flags that flavor and image ask for. */
import { sameFlag } from '../../../model/hardware.ts'
import type { Filter } from '../filter.ts'
import type { HostSnapshot } from '../snapshot.ts'

/** As it is written, or as libvirt and the kernel write it differently. */
function has(host: HostSnapshot, flag: string): boolean {
  return host.cpu_flags.includes(flag) || host.cpu_flags.some(one => sameFlag(one) === sameFlag(flag))
}

export const cpuFlags: Filter = {
  fault: 'CPU flags are missing',
  remedy: 'choose a flavor and image that ask for fewer CPU flags',
  remedy_elsewhere: 'add a host whose CPU has these flags',
  applies: asked => asked.cpu_flags.length > 0,
  refuses: (host, _, asked) => asked.cpu_flags.some(flag => !has(host, flag)),
  why: (host, _, asked) => `has a CPU that lacks ${asked.cpu_flags.filter(flag => !has(host, flag)).join(', ')}`,
}
