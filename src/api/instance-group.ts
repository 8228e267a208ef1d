/** Instance groups: instances that shall share a host, or none. */
import Type, { type Static } from 'typebox'
import { groupPolicies } from '../model/instance-group.ts'
import { closed, Description, Name, NewName, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const Policy = oneOf(groupPolicies, {
  description:
    'affinity: all on one host; anti-affinity: no two on one host; soft-…: as far as there is room, and refused for it never',
})

export const InstanceGroup = closed({
  id: Uuid,
  project_id: Uuid,
  name: Name,
  policy: Policy,
  description: Type.String(),
  instances: Type.Integer({ description: 'How many are in it; which: instance.list with group_id' }),
  version: Type.Integer(),
  created_at: Time,
})
export type InstanceGroup = Static<typeof InstanceGroup>

const params = closed({ instance_group: Uuid })

export const instanceGroupRoutes = {
  list: route({
    name: 'instance-group.list',
    method: 'GET',
    path: '/v1/instance-groups',
    summary: 'Groups of instances that are placed together or apart',
    level: 'project',
    needs: 'instance.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(InstanceGroup),
    errors: [],
    cli: { columns: ['name', 'policy', 'instances', 'description', 'id'] },
  }),
  get: route({
    name: 'instance-group.get',
    method: 'GET',
    path: '/v1/instance-groups/:instance_group',
    summary: 'One instance group',
    level: 'project',
    needs: 'instance.read',
    params,
    status: 200,
    reply: InstanceGroup,
    errors: ['not_found'],
  }),
  create: route({
    name: 'instance-group.create',
    method: 'POST',
    path: '/v1/instance-groups',
    summary: 'Make a group; instances come into it as they are made, with group_id',
    level: 'project',
    needs: 'instance.manage',
    body: closed({ name: NewName, policy: Policy, description: Type.Optional(Description) }),
    status: 201,
    reply: InstanceGroup,
    errors: ['name_taken', 'quota_exceeded'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'instance-group.update',
    method: 'PATCH',
    path: '/v1/instance-groups/:instance_group',
    summary: 'Change name or description; the policy stays, since instances were placed by it',
    level: 'project',
    needs: 'instance.manage',
    params,
    body: closed({ name: Type.Optional(NewName), description: Type.Optional(Description) }),
    status: 200,
    reply: InstanceGroup,
    errors: ['not_found', 'name_taken', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'instance-group.delete',
    method: 'DELETE',
    path: '/v1/instance-groups/:instance_group',
    summary: 'Delete a group that no instance is in',
    level: 'project',
    needs: 'instance.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
