/** Clusters: hosts of one kind that instances may move between, and how far their CPUs and memory are promised. */
import Type, { type Static } from 'typebox'
import { closed, Name, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const CpuOvercommit = Type.Number({ minimum: 0.1, maximum: 64, description: 'vCPUs promised for each CPU thread' })
const MemoryOvercommit = Type.Number({ minimum: 0.1, maximum: 4, description: 'Memory promised for each MiB there is' })

const FailuresTolerated = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'How many of its hosts may be lost and the highly available instances still find room: so much stays free. 0: nothing is kept free',
})

export const Cluster = closed({
  id: Uuid,
  zone_id: Uuid,
  name: Name,
  cpu_overcommit: CpuOvercommit,
  memory_overcommit: MemoryOvercommit,
  ha_failures_tolerated: FailuresTolerated,
  created_at: Time,
})
export type Cluster = Static<typeof Cluster>

/** What of a cluster is kept free for hosts that may be lost. */
export const ClusterReserve = closed({
  failures_tolerated: Type.Integer(),
  hosts: Type.Integer({ description: 'That are there' }),
  ha_instances: Type.Integer({ description: 'Highly available ones that are wanted running' }),
  ha_vcpus: Type.Integer(),
  ha_memory_mib: Type.Integer(),
  room_vcpus: Type.Integer({
    description: 'What may still be promised before the reserve is touched; negative: it is',
  }),
  room_memory_mib: Type.Integer(),
  worst_hosts: Type.Array(closed({ id: Uuid, name: Name }), { description: 'Whose loss would be the hardest' }),
  without_place: Type.Array(closed({ id: Uuid, name: Type.String(), memory_mib: Type.Integer() }), {
    description: 'Instances of those that would find no host big enough, though the sum may suffice',
  }),
})
export type ClusterReserve = Static<typeof ClusterReserve>

const params = closed({ cluster: Uuid })

export const clusterRoutes = {
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
    cli: { columns: ['name', 'cpu_overcommit', 'memory_overcommit', 'zone_id', 'id'] },
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
      name: Name,
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
      name: Type.Optional(Name),
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
