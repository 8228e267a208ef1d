/** Clusters: hosts of one kind that instances may move between, and how far their CPUs and memory are promised. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const CpuOvercommit = Type.Number({ minimum: 0.1, maximum: 64, description: 'vCPUs promised for each CPU thread' })
const MemoryOvercommit = Type.Number({ minimum: 0.1, maximum: 4, description: 'Memory promised for each MiB there is' })

const FailuresTolerated = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'How many of its hosts may be lost and the highly available instances still find room: so much stays free. 0: nothing is kept free',
})

const flags = (description: string) => Type.Array(Type.String(), { description })

export const CpuBaseline = closed({
  model: Type.String(),
  vendor: Type.Optional(Type.String()),
  require: flags('What guests have beyond the model'),
  disable: flags('What guests lack of it'),
})
export type CpuBaseline = Static<typeof CpuBaseline>

export const CpuPlan = closed({
  current: nullable(CpuBaseline),
  proposed: CpuBaseline,
  changed: Type.Boolean(),
  hosts: Type.Array(
    closed({
      id: Uuid,
      name: Name,
      linked: Type.Boolean(),
      model: nullable(Type.String({ description: 'Null: its agent does not say' })),
      fits: nullable(
        Type.Boolean({ description: 'Null: not asked, as it does not answer or others have the same CPU' }),
      ),
      missing: flags('What it lacks of what is proposed'),
    }),
  ),
  instances: Type.Integer({ description: 'That have another CPU than what is proposed, and keep it' }),
  examples: Type.Array(closed({ id: Uuid, name: Type.String() }), { description: 'Some of them' }),
})
export type CpuPlan = Static<typeof CpuPlan>

/** What all its hosts may promise together, and what they have promised. */
const capacity = {
  hosts: Type.Integer(),
  hosts_up: Type.Integer({ description: 'Hosts whose agent holds a link' }),
  vcpus_limit: Type.Integer({
    description: 'What its hosts may promise: with overcommit, without what they keep back',
  }),
  vcpus_claimed: Type.Integer(),
  memory_limit_mib: Type.Integer(),
  memory_claimed_mib: Type.Integer(),
  disk_limit_gib: Type.Integer({ description: 'A pool that several of its hosts share counts once' }),
  disk_claimed_gib: Type.Integer(),
}
export type ClusterCapacity = { [Key in keyof typeof capacity]: number }

export const Cluster = closed({
  id: Uuid,
  zone_id: Uuid,
  zone: Name,
  name: Name,
  cpu_overcommit: CpuOvercommit,
  memory_overcommit: MemoryOvercommit,
  cpu_baseline: nullable(CpuBaseline),
  cpu_baseline_at: nullable(Time),
  ha_failures_tolerated: FailuresTolerated,
  warning: nullable(Type.String({ description: 'Why nothing can be placed in it with so many failures tolerated' })),
  ...capacity,
  created_at: Time,
})
export type Cluster = Static<typeof Cluster>

/** What of a cluster is kept free for hosts that may be lost. */
export const ClusterReserve = closed({
  failures_tolerated: Type.Integer(),
  hosts: Type.Integer({ description: 'That are there' }),
  ha_instances: Type.Integer({ description: 'Highly available ones that are wanted running' }),
  ha_vcpus: Type.Integer({ description: 'CPUs of one’s own as often as they would have been promised' }),
  ha_memory_mib: Type.Integer({ description: 'Without what is in huge pages' }),
  room_vcpus: Type.Integer({
    description: 'What may still be promised before the reserve is touched',
  }),
  room_memory_mib: Type.Integer(),
  lacking_vcpus: Type.Integer({ description: 'What is lacking of the reserve' }),
  lacking_memory_mib: Type.Integer(),
  hardware: Type.Array(
    closed({
      name: Type.String({ description: 'With its unit: MiB in huge pages of one size, or devices by an alias' }),
      needed: Type.Integer({ description: 'By highly available instances that are wanted running' }),
      room: Type.Integer({ description: 'What may still be promised before the reserve is touched' }),
      lacking: Type.Integer({ description: 'What is lacking of the reserve' }),
    }),
    { description: 'What hosts have besides, and instances by name or number' },
  ),
  obstacle: nullable(Type.String({ description: 'Why nothing more fits beside the reserve; null: something may' })),
  worst_hosts: Type.Array(closed({ id: Uuid, name: Name }), { description: 'Whose loss would be the hardest' }),
  without_place: Type.Array(closed({ id: Uuid, name: Type.String(), memory_mib: Type.Integer() }), {
    description: 'Instances of those that would find no host big enough, though the sum may suffice',
  }),
})
export type ClusterReserve = Static<typeof ClusterReserve>

const params = closed({ cluster: Uuid })

const baselinePath = '/v1/clusters/:cluster/cpu-baseline'

export const clusterRoutes = {
  planBaseline: route({
    name: 'cluster.plan-cpu-baseline',
    method: 'GET',
    path: baselinePath,
    summary: 'The CPU that all hosts of a cluster have in common now, and what would come of taking it',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 200,
    reply: CpuPlan,
    errors: ['not_found', 'conflict', 'host_unreachable'],
  }),
  setBaseline: route({
    name: 'cluster.set-cpu-baseline',
    method: 'PUT',
    path: baselinePath,
    summary: 'Give new instances of a cluster the CPU that all its hosts have in common now',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 200,
    reply: Cluster,
    errors: ['not_found', 'conflict', 'host_unreachable'],
  }),
  clearBaseline: route({
    name: 'cluster.clear-cpu-baseline',
    method: 'DELETE',
    path: baselinePath,
    summary: 'Give new instances of a cluster the CPU of the host that they are made on',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 200,
    reply: Cluster,
    errors: ['not_found'],
  }),
  list: route({
    name: 'cluster.list',
    method: 'GET',
    path: '/v1/clusters',
    summary: 'Clusters',
    level: 'system',
    needs: 'topology.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name), zone_id: Type.Optional(Uuid) }),
    status: 200,
    reply: page(Cluster),
    errors: [],
    cli: {
      columns: [
        'name',
        'zone',
        'hosts',
        'vcpus_claimed',
        'vcpus_limit',
        'memory_claimed_mib',
        'memory_limit_mib',
        'cpu_overcommit',
        'memory_overcommit',
        'id',
      ],
    },
  }),
  get: route({
    name: 'cluster.get',
    method: 'GET',
    path: '/v1/clusters/:cluster',
    summary: 'One cluster',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: Cluster,
    errors: ['not_found'],
  }),
  reserve: route({
    name: 'cluster.reserve',
    method: 'GET',
    path: '/v1/clusters/:cluster/reserve',
    summary: 'What is kept free for hosts that may be lost, and how much may still be promised',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: ClusterReserve,
    errors: ['not_found'],
  }),
  create: route({
    name: 'cluster.create',
    method: 'POST',
    path: '/v1/clusters',
    summary: 'Make a cluster in a zone',
    level: 'system',
    needs: 'topology.manage',
    body: closed({
      name: NewName,
      zone_id: Uuid,
      cpu_overcommit: Type.Optional(CpuOvercommit),
      memory_overcommit: Type.Optional(MemoryOvercommit),
      ha_failures_tolerated: Type.Optional(FailuresTolerated),
    }),
    status: 201,
    reply: Cluster,
    errors: ['name_taken', 'not_found'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'cluster.update',
    method: 'PATCH',
    path: '/v1/clusters/:cluster',
    summary: 'Rename a cluster or change its overcommit; instances that are there stay',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      cpu_overcommit: Type.Optional(CpuOvercommit),
      memory_overcommit: Type.Optional(MemoryOvercommit),
      ha_failures_tolerated: Type.Optional(FailuresTolerated),
    }),
    status: 200,
    reply: Cluster,
    errors: ['not_found', 'name_taken'],
  }),
  delete: route({
    name: 'cluster.delete',
    method: 'DELETE',
    path: '/v1/clusters/:cluster',
    summary: 'Delete a cluster that holds no host',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use'],
  }),
}
