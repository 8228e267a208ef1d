/**
 * Only hosts whose hypervisor can give guests the CPU model that the flavor names, or that the instance has otherwise. What makes its own
 * choice runs everywhere.
 */
import { isHostsOwn } from '../../../model/hardware.ts'
import { fitCpu } from '../cpu-fit.ts'
import type { Filter } from '../filter.ts'
import type { HostSnapshot, PlacementAsked } from '../snapshot.ts'

/** Of a flavor, also where guests are emulated. One that does not say which it has is given the benefit of the doubt: libvirt refuses there. */
function lacks(host: HostSnapshot, { hardware, cpu }: PlacementAsked): boolean {
  const named = hardware?.cpu_model ?? null
  if (named !== null) return !isHostsOwn(named) && host.cpu_models?.includes(named) === false
  return cpu !== undefined && !fitCpu(host, cpu).has_model
}

export const cpuModel: Filter = {
  fault: 'another CPU model',
  remedy: 'choose a flavor with another CPU model, or have another one set (croft setting set instance.cpu_model)',
  remedy_elsewhere: 'add a host with its CPU model',
  applies: ({ hardware, cpu }) => cpu !== undefined || (hardware?.cpu_model ?? null) !== null,
  refuses: (host, _, asked) => lacks(host, asked),
  why: (_, __, { hardware, cpu }) => `cannot give guests a CPU of model ${hardware?.cpu_model ?? cpu?.model}`,
}
