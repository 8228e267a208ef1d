/** Only hosts whose CPU has all flags that flavor and image ask for. */
import type { Filter } from '../filter.ts'

export const cpuFlags: Filter = {
  fault: 'CPU flags are missing',
  applies: asked => asked.cpu_flags.length > 0,
  refuses: (host, _, asked) => asked.cpu_flags.some(flag => !host.cpu_flags.includes(flag)),
  why: (host, _, asked) => `its CPU lacks ${asked.cpu_flags.filter(flag => !host.cpu_flags.includes(flag)).join(', ')}`,
}
