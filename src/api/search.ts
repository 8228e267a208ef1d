/** Finding things of every kind at once. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, nullable, oneOf, pageQuery, Uuid } from './common.ts'
import { route } from './route.ts'

export const Found = closed({
  noun: Type.String({ description: "What it is: 'instance', 'network', …" }),
  id: Uuid,
  name: nullable(Type.String({ description: 'Its name, or the address by which it is known' })),
  matched: oneOf(['name', 'id', 'address', 'mac'], { description: 'By what it was found' }),
  project_id: nullable(Uuid),
})
export type Found = Static<typeof Found>

export const searchRoutes = {
  find: route({
    name: 'search.find',
    method: 'GET',
    path: '/v1/search',
    summary:
      'Things of every kind that you may see, by a part of the name, an id, its beginning or its end, an address or its beginning, or a MAC',
    level: 'self',
    needs: null,
    query: closed({
      text: Type.String({ minLength: 1, maxLength: limits.name_length_max }),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 50, default: 5, description: 'Of each kind at most so many' }),
      ),
      all_projects: pageQuery.all_projects,
    }),
    status: 200,
    reply: closed({ items: Type.Array(Found) }),
    errors: [],
    cli: { hidden: true },
  }),
}
