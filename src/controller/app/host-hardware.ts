/** What a host has of hardware that is given out by name or number, and which instance has what of it. */
import type { GivenHardware, HostHardware as Told } from '../../api/host-hardware.ts'
import { notFound } from '../../model/errors.ts'
import type { AssignedHardware } from '../../model/hardware.ts'
import type { Cloud } from '../cloud.ts'
import { freePages } from '../scheduler/hardware-fit.ts'
import type { Db } from '../store/database.ts'
import { type HardwareHolder, hardwareClaim } from '../store/hardware-claim.ts'
import { host } from '../store/host.ts'
import { hostHardware, type KnownHardware } from '../store/host-hardware.ts'

export async function getHostHardware(cloud: Cloud, host_id: string): Promise<Told> {
  const { db } = cloud.database
  if (!(await host.find(db, host_id))) throw notFound('host', host_id)
  const known = (await hostHardware.read(db, [host_id])).get(host_id)
  if (!known) return { nodes: [], kept_cpus: [], devices: [], cpu_models: [], machine_features: [], instances: [] }
  const holders = await hardwareClaim.ofHost(db, host_id)
  return {
    nodes: known.nodes.map(one => nodeOf(known, one)),
    kept_cpus: [...known.kept_cpus],
    devices: known.devices.map(one => ({
      address: one.address,
      aliases: [...one.aliases],
      numa_node: one.node,
      iommu_group: one.group ?? '',
      instance_id: holderOf(holders, one.address),
    })),
    cpu_models: [...(known.cpu_models ?? [])],
    machine_features: [...(known.features ?? [])],
    instances: holders.map(({ instance_id, name, project_id, assigned }) => ({
      instance_id,
      name,
      project_id,
      ...givenOf(assigned),
    })),
  }
}

/** What an instance has of the host that it is on; null: nothing by name or number. */
export async function hardwareGiven(db: Db, id: string, host_id: string): Promise<GivenHardware | null> {
  const assigned = (await hardwareClaim.ofInstances(db, [id])).get(`${id} ${host_id}`)
  return assigned ? givenOf(assigned) : null
}

function givenOf({ cells, idle_cpus, page_size_kib, pci }: AssignedHardware): GivenHardware {
  return {
    cpus: cells.flatMap(cell => [...cell.cpus]),
    idle_cpus: [...idle_cpus],
    nodes: cells.map(cell => cell.host_node),
    page_size_kib,
    memory_mib: cells.reduce((sum, cell) => sum + cell.memory_mib, 0),
    devices: pci.map(one => one.address),
  }
}

function nodeOf(known: KnownHardware, one: KnownHardware['nodes'][number]): Told['nodes'][number] {
  const own = new Set(known.taken.cpus)
  return {
    node: one.node,
    cpus: [...one.cpus],
    own_cpus: one.cpus.filter(cpu => own.has(cpu)),
    memory_mib: one.memory_mib,
    huge_pages: one.pages.map(({ size_kib, total }) => ({ size_kib, total, free: freePages(known, one, size_kib) })),
  }
}

function holderOf(holders: readonly HardwareHolder[], address: string): string | null {
  return holders.find(one => one.assigned.pci.some(each => each.address === address))?.instance_id ?? null
}
