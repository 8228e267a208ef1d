/** Only hosts whose CPU has all flags that flavor and image ask for. */
import { hasFlag, missingFlags } from '../../../model/cpu-flags.ts'
import type { Filter } from '../filter.ts'

export const cpuFlags: Filter = {
  fault: 'CPU flags are missing',
  remedy: 'choose a flavor and image that ask for fewer CPU flags',
  remedy_elsewhere: 'add a host whose CPU has these flags',
  applies: asked => asked.cpu_flags.length > 0,
  refuses: (host, _, { cpu_flags }) => cpu_flags.some(flag => !hasFlag(host.cpu_flags, flag)),
  why: (host, _, { cpu_flags }) => `has a CPU that lacks ${missingFlags(host.cpu_flags, cpu_flags).join(', ')}`,
  /** Such a flag may be one that no CPU here has, or mistyped, or another program's name for it: which of these is not known. */
  ofAll: (hosts, { cpu_flags }) => {
    const nowhere = cpu_flags.filter(flag => !hosts.some(host => hasFlag(host.cpu_flags, flag)))
    if (nowhere.length === 0) return null
    const [names, are, them] =
      nowhere.length === 1
        ? [`flag ${nowhere[0]}`, 'that is', 'it']
        : [`flags ${nowhere.join(' and ')}`, 'those are', 'them']
    return `No host has the CPU ${names}. Unless ${are} mistyped (flags have libvirt’s names, as tsc-deadline: /usr/share/libvirt/cpu_map/x86_features.xml on a host, or the kernel’s, as tsc_deadline_timer: /proc/cpuinfo), add a host that has ${them}.`
  },
}
