/** Events: every change of everything that the caller may see, live and resumable. */
import Type, { type Static } from 'typebox'
import { eventNouns } from '../model/event-nouns.ts'
import { closed, NameNow, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

export const Event = closed({
  cursor: Type.String({ description: 'Resume after this one' }),
  at: Time,
  noun: Type.String(),
  kind: Type.String({ description: "'created', 'changed' or 'deleted'" }),
  resource_id: Uuid,
  resource_name: NameNow('the thing'),
  project_id: nullable(Uuid),
  user_id: nullable(Uuid),
  user_name: NameNow('who did it'),
  request_id: nullable(Uuid),
  detail: Type.Unknown(),
  resource: Type.Unknown({ description: 'The thing as it is now, for nouns that have it; null when it is gone' }),
})
export type Event = Static<typeof Event>

const of_thing = Type.Optional(uuidOf('Of this thing'))

export const eventRoutes = {
  list: route({
    name: 'event.list',
    method: 'GET',
    path: '/v1/events',
    summary: 'Past events, oldest first after the cursor; with latest, newest first before it',
    level: 'project',
    needs: 'event.read',
    on_instance: 'instance.read',
    query: closed({
      limit: pageQuery.limit,
      cursor: pageQuery.cursor,
      all_projects: pageQuery.all_projects,
      latest: Type.Optional(
        Type.Boolean({
          description:
            'The newest first, as the CLI has them; the next page has what was before; false: the oldest first',
        }),
      ),
      noun: Type.Optional(oneOf(eventNouns, { description: 'Of things of this kind' })),
      resource_id: of_thing,
    }),
    status: 200,
    reply: page(Event),
    errors: [],
    cli: { columns: ['at', 'noun', 'kind', 'resource_id', 'user_id', 'detail'] },
  }),
  stream: route({
    name: 'event.stream',
    method: 'GET',
    path: '/v1/event-stream',
    summary:
      'Events as they happen (server-sent events), of all that you may hear of; goes on after `cursor` or Last-Event-ID. A block `event: gap` says that older ones are kept no longer: read again what you watch',
    // Who holds nothing yet hears of what is given to them.
    level: 'self',
    needs: null,
    query: closed({
      cursor: Type.Optional(Type.String({ maxLength: 64 })),
      all_projects: pageQuery.all_projects,
      // Any: who follows a list by its noun hears nothing where nothing is told of it, and is not refused.
      noun: Type.Optional(Type.String({ maxLength: 64, description: 'Of things of this kind: host, instance, …' })),
      resource_id: of_thing,
    }),
    status: 200,
    stream: 'events',
    errors: [],
    cli: { hidden: true },
  }),
}
