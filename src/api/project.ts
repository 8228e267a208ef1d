/** Projects: what resources belong to, what quotas limit, and what isolates one team from another. */
import Type, { type Static } from 'typebox'
import { closed, Description, Name, NewName, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Project = closed({
  id: Uuid,
  domain_id: Uuid,
  name: Name,
  description: Description,
  enabled: Type.Boolean(),
  version: Type.Integer(),
  created_at: Time,
})
export type Project = Static<typeof Project>

const params = closed({ project: Uuid })

export const projectRoutes = {
  list: route({
    name: 'project.list',
    method: 'GET',
    path: '/v1/projects',
    summary: 'Projects that you hold a role in, or that lie in domains you may look into',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name), domain_id: Type.Optional(Uuid) }),
    status: 200,
    reply: page(Project),
    errors: [],
    cli: { columns: ['name', 'enabled', 'description', 'id'] },
  }),
  get: route({
    name: 'project.get',
    method: 'GET',
    path: '/v1/projects/:project',
    summary: 'One project',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: Project,
    errors: ['not_found'],
  }),
  create: route({
    name: 'project.create',
    method: 'POST',
    path: '/v1/projects',
    summary: 'Make a project, in your own domain unless another is named',
    level: 'domain',
    needs: 'project.manage',
    body: closed({ name: NewName, domain_id: Type.Optional(Uuid), description: Type.Optional(Description) }),
    status: 201,
    reply: Project,
    errors: ['name_taken', 'not_found'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'project.update',
    method: 'PATCH',
    path: '/v1/projects/:project',
    summary: 'Rename, describe, enable or disable; what runs in a disabled project goes on running',
    level: 'domain',
    needs: 'project.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      description: Type.Optional(Description),
      enabled: Type.Optional(Type.Boolean({ description: 'It may be worked in; false: nobody may' })),
    }),
    status: 200,
    reply: Project,
    errors: ['not_found', 'name_taken', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'project.delete',
    method: 'DELETE',
    path: '/v1/projects/:project',
    summary: 'Delete a project that holds no resources any more',
    level: 'domain',
    needs: 'project.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
