/**
 * Which of the host's CPUs each vCPU of a guest may run on: its own, those of its NUMA node that are nobody's, or all that are nobody's.
 * The rule is pure, and the same for a guest that is defined and for one that runs.
 */
import { isNoDomain, isOperationInvalid, type Libvirt } from '../../../lib/libvirt/index.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import type { SharedCpus } from '../../ports.ts'

export interface Pins {
  /** Of each vCPU that there may be, in their order. */
  readonly vcpus: readonly { readonly vcpu: number; readonly cpus: readonly number[] }[]
  /** For QEMU's own work. */
  readonly emulator: readonly number[]
}

/** The kernel's list format, also libvirt's: '0-3,8'. */
export function cpuList(cpus: readonly number[]): string {
  const sorted = [...new Set(cpus)].sort((a, b) => a - b)
  const ranges: [number, number][] = []
  for (const cpu of sorted) {
    const last = ranges.at(-1)
    if (last && cpu === last[1] + 1) last[1] = cpu
    else ranges.push([cpu, cpu])
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',')
}

/** Null: it may run anywhere. A guest's own CPUs also do QEMU's work for it: that takes time from no other guest. */
export function pinsOf(
  { vcpus, hardware = {} }: Pick<WantedInstance, 'vcpus' | 'hardware'>,
  shared: SharedCpus | null,
): Pins | null {
  const { cells = [], vcpus_max = vcpus } = hardware
  if (cells.length === 0) {
    if (shared === null) return null
    const all = Array.from({ length: Math.max(vcpus, vcpus_max) }, (_, vcpu) => ({ vcpu, cpus: shared.all }))
    return { vcpus: all, emulator: shared.all }
  }
  const pins = cells.flatMap(cell => {
    const node = shared?.nodes.get(cell.host_node) ?? []
    const common = node.length > 0 ? node : (shared?.all ?? [])
    return cell.vcpus.map((vcpu, n) => {
      const own = cell.cpus[n]
      return { vcpu, cpus: own === undefined ? common : [own] }
    })
  })
  const known = pins.filter(pin => pin.cpus.length > 0).sort((a, b) => a.vcpu - b.vcpu)
  if (known.length === 0) return null
  return { vcpus: known, emulator: [...new Set(known.flatMap(pin => pin.cpus))] }
}

/** Of a guest that runs; what it was defined with stays. */
export async function pinGuest(libvirt: Libvirt, instance: WantedInstance, shared: SharedCpus): Promise<void> {
  const domain = { uuid: instance.id }
  const pins = pinsOf(instance, shared)
  try {
    for (const { vcpu, cpus } of (pins?.vcpus ?? []).slice(0, instance.vcpus)) {
      await libvirt.devices.pinVcpu(domain, vcpu, cpus)
    }
    if (pins) await libvirt.devices.pinEmulator(domain, pins.emulator)
  } catch (error) {
    // It went off meanwhile.
    if (!isNoDomain(error) && !isOperationInvalid(error)) throw error
  }
}
