/**
 * The hardware of instances that only their hosts know, after a restore of the database from an older backup: CPUs, NUMA nodes, huge
 * pages and devices that the guest has are claimed for it, so that nobody else is given them. Hosts are not trusted: only what the
 * host has, by what it told of itself, is claimed.
 */
import { CloudError } from '../../model/errors.ts'
import { type AssignedHardware, type Hardware, plainHardware } from '../../model/hardware.ts'
import type { WantedHardware } from '../../protocol/hardware.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { HostHardware } from '../scheduler/hardware-fit.ts'
import type { Tx } from '../store/database.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { lockClaims } from '../store/host-claim.ts'
import { hostHardware } from '../store/host-hardware.ts'

export type Held = { readonly assigned: AssignedHardware; readonly why?: undefined } | { readonly why: string }

/** What the host holds of its hardware, in the words of claims; or why nobody can have that, to follow 'it'. Pure. */
export function assignedOf(told: WantedHardware, there: HostHardware | undefined): Held {
  const { cells = [], page_size_kib = null, idle_cpus = [], pci = [] } = told
  if (cells.length === 0 && pci.length === 0)
    return { assigned: { cells: [], page_size_kib: null, idle_cpus: [], pci: [] } }
  if (!there) return { why: 'has hardware of a host that has not told of any' }
  const cpus = [...cells.flatMap(cell => cell.cpus), ...idle_cpus]
  if (new Set(cpus).size < cpus.length) return { why: 'has a CPU twice' }
  for (const { host_node, cpus: own } of cells) {
    const node = there.nodes.find(one => one.node === host_node)
    if (!node) return { why: `is on the NUMA node ${host_node}, which its host does not have` }
    const strange = own.find(cpu => !node.cpus.includes(cpu))
    if (strange !== undefined) return { why: `has the CPU ${strange}, which is not one of the NUMA node ${host_node}` }
  }
  const taken = cpus.find(cpu => there.taken.cpus.includes(cpu))
  if (taken !== undefined) return { why: `has the CPU ${taken}, which another instance was given since` }
  const devices: AssignedHardware['pci'][number][] = []
  for (const { address } of pci) {
    const device = there.devices.find(one => one.address === address)
    const [alias] = device?.aliases ?? []
    if (alias === undefined)
      return { why: `has the device ${address}, which its host does not have, or no alias names` }
    if (there.taken.devices.includes(address))
      return { why: `has the device ${address}, which another instance was given since` }
    devices.push({ alias, address })
  }
  return {
    assigned: {
      cells: cells.map(({ vcpus, memory_mib, host_node, cpus: own }) => ({ vcpus, memory_mib, host_node, cpus: own })),
      page_size_kib,
      idle_cpus,
      pci: devices,
    },
  }
}

/**
 * What it asks for from now on, wherever it is: what the host holds, and of the flavor's wishes those that the host is not told of. Pure.
 */
export function hardwareHeld(
  told: WantedHardware | undefined,
  assigned: AssignedHardware,
  flavors: Hardware | null,
): Hardware | null {
  if (!told) return null
  const { idle_cpus, page_size_kib, cells } = assigned
  const dedicated = cells.some(cell => cell.cpus.length > 0)
  const wish = flavors ?? { ...plainHardware, ...(idle_cpus.length > 0 && { threads: 'isolate' as const }) }
  const counts = Map.groupBy(assigned.pci, one => one.alias)
  return {
    cpu_policy: dedicated ? 'dedicated' : 'shared',
    threads: dedicated ? wish.threads : 'prefer',
    cpu_model: told.cpu_model ?? null,
    flags_required: told.flags_required ?? [],
    flags_forbidden: told.flags_forbidden ?? [],
    topology: told.topology ?? null,
    cells: cells.map(({ vcpus, memory_mib }) => ({ vcpus, memory_mib })),
    page_size: page_size_kib === null ? 'small' : wish.page_size === 'small' ? page_size_kib : wish.page_size,
    pci: [...counts].map(([alias, all]) => ({ alias, count: all.length })),
    pci_near: wish.pci_near,
    vcpus_max: told.vcpus_max ?? null,
    memory_max_mib: told.memory_max_mib ?? null,
    ...(told.firmware && { firmware: told.firmware }),
    ...(told.secure_boot && { secure_boot: told.secure_boot }),
    ...(told.tpm && { tpm: told.tpm }),
  }
}

/** Reads it, with the host's claims locked. Throws wrong_state when the guest has what it cannot have. */
export async function readHeldHardware(tx: Tx, host_id: string, wanted: WantedInstance): Promise<AssignedHardware> {
  const held = await heldHardware(tx, host_id, wanted)
  if (held.why === undefined) return held.assigned
  throw new CloudError(
    'wrong_state',
    `The instance ${wanted.metadata.name} cannot have a record again: by what its host shows, it ${held.why}. Free that first, or make ` +
      'the alias anew (croft pci-alias create); or remove it from its host (croft host purge-orphan).',
  )
}

async function heldHardware(tx: Tx, host_id: string, { hardware = {} }: WantedInstance): Promise<Held> {
  await lockClaims(tx, [host_id])
  return assignedOf(hardware, (await hostHardware.read(tx, [host_id])).get(host_id))
}

/** After the claim on the host, and once the instance is there. */
export async function claimHeldHardware(
  tx: Tx,
  claim: { instance_id: string; host_id: string; assigned: AssignedHardware },
): Promise<void> {
  const { cells, pci } = claim.assigned
  if (cells.length + pci.length > 0) await hardwareClaim.insert(tx, [claim])
}

/** Of an instance that is on this host by the host's own word. What another one was given since stays that one's. */
export async function claimAsHeld(tx: Tx, host_id: string, wanted: WantedInstance): Promise<void> {
  const held = await heldHardware(tx, host_id, wanted)
  if (held.why === undefined) await claimHeldHardware(tx, { instance_id: wanted.id, host_id, assigned: held.assigned })
}
