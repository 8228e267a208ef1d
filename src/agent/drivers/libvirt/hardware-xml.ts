/**
 * CPUs, memory and PCI devices of a guest in libvirt's XML: model and flags, topology, NUMA, pins, pages, room to grow, hostdevs.
 * Pure; libvirt.org/formatdomain.html. Not its job: choosing any of it, which was done when the instance was placed.
 */
import { dimmCount, dimmMib, memorySlots } from '../../../model/growth.ts'
import type { WantedHardware } from '../../../protocol/hardware.ts'
import type { WantedInstance, WantedPort } from '../../../protocol/wanted.ts'
import type { SharedCpus } from '../../ports.ts'
import type { DomainHost } from './domain-xml.ts'
import { cpuList, pinsOf } from './pins.ts'
import { element, type Element } from './xml.ts'

type Sized = Pick<WantedInstance, 'vcpus' | 'memory_mib' | 'cpu_model' | 'cpu_features' | 'hardware'>

const none: WantedHardware = {}

const upTo = (n: number) => Array.from({ length: n }, (_, each) => each)

/** At least the memory that it starts with, even when it may grow no further than that. */
export function growthOf({ memory_mib, hardware = none }: Sized): { base_mib: number; max_mib: number } | null {
  const { memory_max_mib: max_mib, memory_base_mib: base_mib = memory_mib } = hardware
  return max_mib === undefined || max_mib <= base_mib ? null : { base_mib, max_mib }
}

/** DIMMs that the guest has beside its base. */
function dimmsOf(instance: Sized): number {
  const growth = growthOf(instance)
  return growth === null ? 0 : (dimmCount(instance.memory_mib, growth.base_mib, growth.max_mib) ?? 0)
}

/** In the order that libvirt's schema has them in: memory before vCPUs, tuning after. `shared`: where guests without pins run. */
export function sizeElements(instance: Sized, shared: SharedCpus | null): (Element | null)[] {
  const { vcpus, memory_mib, hardware = none } = instance
  const { vcpus_max = vcpus, page_size_kib } = hardware
  const growth = growthOf(instance)
  const cpuset = shared === null || hardware.cells?.length ? undefined : cpuList(shared.all)
  return [
    growth === null ? null : element('maxMemory', { slots: memorySlots, unit: 'MiB' }, String(growth.max_mib)),
    element('memory', { unit: 'MiB' }, String(memory_mib)),
    page_size_kib === undefined
      ? null
      : element('memoryBacking', {}, element('hugepages', {}, element('page', { size: page_size_kib, unit: 'KiB' }))),
    element(
      'vcpu',
      { placement: 'static', cpuset, current: vcpus_max > vcpus ? vcpus : undefined },
      String(Math.max(vcpus_max, vcpus)),
    ),
    cputune(instance, shared),
    numatune(hardware),
  ]
}

/** Guests without a place in NUMA are kept on shared CPUs by `cpuset`, which also counts for QEMU's own work. */
function cputune(instance: Sized, shared: SharedCpus | null): Element | null {
  const pins = instance.hardware?.cells?.length ? pinsOf(instance, shared) : null
  if (pins === null) return null
  return element(
    'cputune',
    {},
    ...pins.vcpus.map(({ vcpu, cpus }) => element('vcpupin', { vcpu, cpuset: cpuList(cpus) })),
    element('emulatorpin', { cpuset: cpuList(pins.emulator) }),
  )
}

/**
 * Huge pages come from their node or not at all. Usual ones from there as long as there are some: a node that ran full of
 * other memory is slower, which is better than a guest that the kernel kills.
 */
function numatune({ cells = [], page_size_kib }: WantedHardware): Element | null {
  if (cells.length === 0) return null
  const mode = page_size_kib === undefined ? 'preferred' : 'strict'
  return element(
    'numatune',
    {},
    ...cells.map(({ host_node }, cellid) => element('memnode', { cellid, mode, nodeset: host_node })),
  )
}

/** TCG runs best as the plain model that it emulates in full; KVM as the host's own, so that guests get its instructions. */
export function cpuElement(instance: Sized, host: DomainHost): Element {
  const { hardware = none } = instance
  const parts = [topologyElement(instance), ...featureElements(featuresOf(instance, host)), numaElement(instance)]
  const custom = (check: string, fallback: string, model: string) =>
    element('cpu', { mode: 'custom', match: 'exact', check }, element('model', { fallback }, model), ...parts)
  const asked = hardware.cpu_model ?? (host.virtualisation === 'tcg' ? 'default' : instance.cpu_model)
  const fallback = host.virtualisation === 'tcg' ? 'emulated' : host.default_cpu_model
  const model = asked === 'default' ? fallback : asked
  if (host.virtualisation === 'tcg') {
    // QEMU's own choice for ARM is a processor of 32 bits. What the emulator leaves out of a model, the guest goes without.
    const plain = host.arch === 'aarch64' ? 'cortex-a57' : 'qemu64'
    return custom('none', 'allow', ['emulated', 'host-model', 'host-passthrough'].includes(model) ? plain : model)
  }
  // KVM on ARM shows guests the host's processor and no other.
  if (host.arch === 'aarch64') return element('cpu', { mode: 'host-passthrough', check: 'none' }, ...parts)
  if (model === 'host-model') return element('cpu', { mode: 'host-model', check: 'partial' }, ...parts)
  if (model === 'host-passthrough') {
    return element('cpu', { mode: 'host-passthrough', check: 'none', migratable: 'on' }, ...parts)
  }
  return custom('partial', 'forbid', model)
}

/** A socket for each NUMA node of the guest where that comes out even, as it does in real machines. */
function topologyElement({ vcpus, hardware = none }: Sized): Element {
  const total = Math.max(vcpus, hardware.vcpus_max ?? 0)
  const nodes = hardware.cells?.length ?? 0
  const sockets = nodes > 1 && total % nodes === 0 ? nodes : 1
  const { topology = { sockets, cores: total / sockets, threads: 1 } } = hardware
  return element('topology', { sockets: topology.sockets, dies: 1, cores: topology.cores, threads: topology.threads })
}

/** Those of the cluster's common CPU belong to its model; what is asked for by name goes before them. */
function featuresOf({ cpu_model, cpu_features, hardware = none }: Sized, host: DomainHost): WantedHardware {
  const is_plain = host.virtualisation === 'tcg' || ['default', 'host-model', 'host-passthrough'].includes(cpu_model)
  if (cpu_features === undefined || hardware.cpu_model !== undefined || is_plain) return hardware
  const { flags_required = [], flags_forbidden = [] } = hardware
  const named = new Set([...flags_required, ...flags_forbidden])
  const others = (flags: readonly string[]) => flags.filter(flag => !named.has(flag))
  return {
    flags_required: [...flags_required, ...others(cpu_features.require)],
    flags_forbidden: [...flags_forbidden, ...others(cpu_features.disable)],
  }
}

/** They are given by libvirt's names; of the kernel's that differ, these two are what people write. */
function featureElements({ flags_required = [], flags_forbidden = [] }: WantedHardware): Element[] {
  const named = (policy: string) => (flag: string) =>
    element('feature', { policy, name: flag.replace(/^sse4_/, 'sse4.') })
  return [...flags_required.map(named('require')), ...flags_forbidden.map(named('disable'))]
}

/** Memory is plugged into a NUMA node: a guest that may grow has one. */
function numaElement(instance: Sized): Element | null {
  const { vcpus, hardware = none } = instance
  const growth = growthOf(instance)
  const alone = growth && { vcpus: upTo(Math.max(vcpus, hardware.vcpus_max ?? 0)), memory_mib: growth.base_mib }
  const cells = hardware.cells?.length ? hardware.cells : alone ? [alone] : []
  if (cells.length === 0) return null
  return element(
    'numa',
    {},
    ...cells.map((cell, id) =>
      element('cell', { id, cpus: cpuList(cell.vcpus), memory: cell.memory_mib, unit: 'MiB' }),
    ),
  )
}

/** What is plugged in for `size_mib` more memory. */
export function dimmElement(size_mib: number): Element {
  return element(
    'memory',
    { model: 'dimm' },
    element('target', {}, element('size', { unit: 'MiB' }, String(size_mib)), element('node', {}, '0')),
  )
}

export function dimmElements(instance: Sized): Element[] {
  const growth = growthOf(instance)
  if (growth === null) return []
  return upTo(dimmsOf(instance)).map(() => dimmElement(dimmMib(growth.base_mib, growth.max_mib)))
}

/** Devices of the host that are the guest's; libvirt takes them from the host's drivers and gives them back (managed). */
export function hostdevElements({ ports, hardware = none }: Pick<WantedInstance, 'ports' | 'hardware'>): Element[] {
  return (hardware.pci ?? []).flatMap(({ address, port_id }) => {
    const port = ports.find(one => one.port_id === port_id)
    const source = addressElement(address, port !== undefined)
    return [port === undefined ? plainHostdev(source) : nicHostdev(port, source)]
  })
}

/** Ports whose NIC is such a device, and so not on the integration bridge. */
export function hardwarePorts({ hardware = none }: Pick<WantedInstance, 'hardware'>): ReadonlySet<string> {
  return new Set((hardware.pci ?? []).flatMap(({ port_id }) => port_id ?? []))
}

function plainHostdev(address: Element): Element {
  return element('hostdev', { mode: 'subsystem', type: 'pci', managed: 'yes' }, element('source', {}, address))
}

/** A virtual function gets the port's MAC from the host, so that the guest cannot choose another. */
function nicHostdev(port: WantedPort, address: Element): Element {
  return element(
    'interface',
    { type: 'hostdev', managed: 'yes' },
    element('mac', { address: port.mac }),
    element('source', {}, address),
  )
}

/** '0000:3b:02.1' */
function addressElement(address: string, typed: boolean): Element {
  const [domain = '0', bus = '0', rest = '0.0'] = address.split(':')
  const [slot = '0', fn = '0'] = rest.split('.')
  return element('address', {
    type: typed ? 'pci' : undefined,
    domain: `0x${domain}`,
    bus: `0x${bus}`,
    slot: `0x${slot}`,
    function: `0x${fn}`,
  })
}
