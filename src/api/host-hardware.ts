/** Hardware of a host that is given out by name or number: CPUs of one's own, huge pages, PCI devices; and who has it. */
import Type, { type Static } from 'typebox'
import { closed, nullable, Uuid } from './common.ts'
import { route } from './route.ts'

const Cpus = Type.Array(Type.Integer())

export const HostHardware = closed({
  nodes: Type.Array(
    closed({
      node: Type.Integer(),
      cpus: Cpus,
      own_cpus: Type.Array(Type.Integer(), { description: 'Those that are instances’ own, or idle for one' }),
      memory_mib: Type.Integer({ description: 'Without huge pages' }),
      huge_pages: Type.Array(closed({ size_kib: Type.Integer(), total: Type.Integer(), free: Type.Integer() })),
    }),
  ),
  kept_cpus: Type.Array(Type.Integer(), {
    description: "The first core: the host's and shared instances', nobody's own",
  }),
  devices: Type.Array(
    closed({
      address: Type.String(),
      aliases: Type.Array(Type.String()),
      numa_node: nullable(Type.Integer()),
      iommu_group: Type.String(),
      instance_id: nullable(Uuid),
    }),
    { description: 'PCI devices that an alias matches and the host does not need itself' },
  ),
  cpu_models: Type.Array(Type.String(), { description: 'That instances can have here' }),
  machine_features: Type.Array(Type.String(), {
    description: 'uefi, secure_boot, tpm: those that instances can have here',
  }),
  instances: Type.Array(
    closed({
      instance_id: Uuid,
      name: Type.String(),
      project_id: Uuid,
      cpus: Cpus,
      idle_cpus: Cpus,
      nodes: Type.Array(Type.Integer()),
      page_size_kib: nullable(Type.Integer()),
      memory_mib: Type.Integer({ description: 'Of its NUMA nodes' }),
      devices: Type.Array(Type.String()),
    }),
  ),
})
export type HostHardware = Static<typeof HostHardware>

export const hostHardwareRoutes = {
  get: route({
    name: 'host.hardware',
    method: 'GET',
    path: '/v1/hosts/:host/hardware',
    summary: 'CPUs, NUMA nodes, huge pages and PCI devices of a host, and which instance has what of them',
    level: 'system',
    needs: 'topology.read',
    params: closed({ host: Uuid }),
    status: 200,
    reply: HostHardware,
    errors: ['not_found'],
  }),
}
