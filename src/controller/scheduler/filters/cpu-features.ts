/** Only hosts that have what the instance's CPU has: one from another cluster, from before its own had another, or that the setting names. */
import { fitCpu } from '../cpu-fit.ts'
import type { Filter } from '../filter.ts'
import type { HostSnapshot, PlacementAsked } from '../snapshot.ts'

const lacking = (host: HostSnapshot, { cpu }: PlacementAsked) => (cpu ? fitCpu(host, cpu).lacks : [])

export const cpuFeatures: Filter = {
  fault: 'the CPU lacks what the instance’s has',
  remedy: 'choose a flavor with another CPU model, or have another one set (croft setting set instance.cpu_model)',
  remedy_elsewhere: 'add a host whose CPU has all that the instance’s has',
  applies: ({ cpu }) => cpu !== undefined,
  refuses: (host, _, asked) => lacking(host, asked).length > 0,
  why: (host, _, asked) => `has a CPU that lacks ${lacking(host, asked).join(', ')}, which the instance’s has`,
}
