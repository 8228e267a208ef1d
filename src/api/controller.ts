/** Controllers of this cloud: which there are, of which version, and how many hosts each holds the links of. */
import Type, { type Static } from 'typebox'
import { closed, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const controllerStates = ['running', 'silent'] as const

export const Controller = closed({
  id: Uuid,
  name: Type.String({ description: 'Of the machine that it runs on' }),
  version: Type.String(),
  agent_url: Type.String({ description: 'Where hosts reach it' }),
  state: oneOf(controllerStates, {
    description:
      "'silent': it has told the database nothing for a while, as it was killed or does not reach it; its hosts dial others. It is forgotten after an hour, at once if it was stopped",
  }),
  hosts: Type.Integer({ description: 'Whose links it holds' }),
  leads: Type.Array(Type.String(), {
    description: "What only one does at a time: 'availability' sees to hosts that are lost",
  }),
  silent_from: Type.Unsafe<string>({ ...Time, description: 'It is silent from then on, unless it is heard of before' }),
})
export type Controller = Static<typeof Controller>

export const controllerRoutes = {
  list: route({
    name: 'controller.list',
    method: 'GET',
    path: '/v1/controllers',
    summary: 'Controllers, their versions, and how many hosts each has',
    level: 'system',
    needs: 'topology.read',
    query: closed({ ...pageQuery }),
    status: 200,
    reply: page(Controller),
    errors: [],
    cli: { columns: ['name', 'state', 'version', 'hosts', 'leads', 'agent_url', 'id'] },
  }),
}
