/** Aggregates: hosts that have something in common, of any cluster. A host may be in several. */
import Type, { type Static } from 'typebox'
import { closed, Description, Name, NewName, page, pageQuery, tagsOf, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const projects_max = 1000
const hosts_max = 1000

const Metadata = tagsOf(
  'What its hosts have, for flavors and images to ask for; with exclusive=true they take nothing else. There is no key projects: see project_ids',
)
const ProjectIds = Type.Array(Uuid, {
  maxItems: projects_max,
  uniqueItems: true,
  description: 'Only their instances are placed on its hosts; none: everybody’s',
})

export const Aggregate = closed({
  id: Uuid,
  name: Name,
  description: Description,
  metadata: Metadata,
  project_ids: ProjectIds,
  restricted: Type.Boolean({ description: 'For these projects alone, also when all of them are gone' }),
  hosts: Type.Integer({ description: 'How many hosts are in it: host.list with aggregate_id has them' }),
  version: Type.Integer(),
  created_at: Time,
})
export type Aggregate = Static<typeof Aggregate>

const params = closed({ aggregate: Uuid })
const HostIds = closed({ host_ids: Type.Array(Uuid, { minItems: 1, maxItems: hosts_max, uniqueItems: true }) })

export const aggregateRoutes = {
  list: route({
    name: 'aggregate.list',
    method: 'GET',
    path: '/v1/aggregates',
    summary: 'Aggregates of hosts',
    level: 'system',
    needs: 'topology.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(Aggregate),
    errors: [],
    cli: { columns: ['name', 'metadata', 'hosts', 'description', 'id'] },
  }),
  get: route({
    name: 'aggregate.get',
    method: 'GET',
    path: '/v1/aggregates/:aggregate',
    summary: 'One aggregate',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: Aggregate,
    errors: ['not_found'],
  }),
  create: route({
    name: 'aggregate.create',
    method: 'POST',
    path: '/v1/aggregates',
    summary: 'Make an aggregate of hosts',
    level: 'system',
    needs: 'topology.manage',
    body: closed({
      name: NewName,
      description: Type.Optional(Description),
      metadata: Type.Optional(Metadata),
      project_ids: Type.Optional(ProjectIds),
    }),
    status: 201,
    reply: Aggregate,
    errors: ['name_taken', 'not_found', 'invalid'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'aggregate.update',
    method: 'PATCH',
    path: '/v1/aggregates/:aggregate',
    summary: 'Change an aggregate; instances that are there stay',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      description: Type.Optional(Description),
      metadata: Type.Optional(Metadata),
      project_ids: Type.Optional(ProjectIds),
    }),
    status: 200,
    reply: Aggregate,
    errors: ['not_found', 'name_taken', 'changed_meanwhile', 'invalid'],
  }),
  delete: route({
    name: 'aggregate.delete',
    method: 'DELETE',
    path: '/v1/aggregates/:aggregate',
    summary: 'Delete an aggregate; its hosts stay as they are',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 204,
    errors: ['not_found', 'changed_meanwhile'],
  }),
  addHosts: route({
    name: 'aggregate.add-hosts',
    method: 'POST',
    path: '/v1/aggregates/:aggregate/add-hosts',
    summary: 'Put hosts into an aggregate; those that are in it stay',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: HostIds,
    status: 200,
    reply: Aggregate,
    errors: ['not_found'],
  }),
  removeHosts: route({
    name: 'aggregate.remove-hosts',
    method: 'POST',
    path: '/v1/aggregates/:aggregate/remove-hosts',
    summary: 'Take hosts out of an aggregate; instances that are there stay',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: HostIds,
    status: 200,
    reply: Aggregate,
    errors: ['not_found'],
  }),
}
