/** Hardware of a host that is given out by name or number: CPUs of one's own, huge pages, PCI devices; and who has it. */
import Type, { type Static } from 'typebox'
import { closed, nullable, Uuid } from './common.ts'
import { route } from './route.ts'

const Cpus = Type.Array(Type.Integer())

/** What of a host one instance has. */
export const GivenHardware = closed({
  cpus: Type.Array(Type.Integer(), { description: 'Its own, in the order of its vCPUs; none: it shares' }),
  idle_cpus: Type.Array(Type.Integer(), { description: 'Kept free beside its own (cpu.threads=isolate)' }),
  nodes: Type.Array(Type.Integer(), { description: 'NUMA nodes of the host, in the order of its own' }),
  page_size_kib: nullable(Type.Integer({ description: 'Of its huge pages' })),
  memory_mib: Type.Integer({ description: 'Of its NUMA nodes' }),
  devices: Type.Array(Type.String(), { description: 'PCI devices' }),
})
export type GivenHardware = Static<typeof GivenHardware>

/** Of an instance that is asked for by its id. */
export const OnHost = nullable(
  closed(GivenHardware.properties, {
    description:
      'CPUs, NUMA nodes, huge pages and devices that placement gave it on its host; null: none by name or number, or you have no topology.read on the system',
  }),
)

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
    { description: 'PCI devices that are given by an alias: it matches them, and the host does not need them itself' },
  ),
  cpu_models: Type.Array(Type.String(), { description: 'That instances can have here' }),
  machine_features: Type.Array(Type.String(), {
    description: 'uefi, secure_boot, tpm: those that instances can have here',
  }),
  instances: Type.Array(
    closed({ instance_id: Uuid, name: Type.String(), project_id: Uuid, ...GivenHardware.properties }),
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
