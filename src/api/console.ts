/** Consoles: who sits at an instance's now, what they may do there, and links by which somebody without an account looks on. */
import Type, { type Static } from 'typebox'
import { consoleKinds, linkMinutesMax, shownKinds } from '../model/console.ts'
import { clipboardKinds, graphicsKinds, videoModels } from '../model/graphics.ts'
import { closed, Name, nullable, oneOf, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

export const ConsoleKind = oneOf(consoleKinds)
export type ConsoleKind = Static<typeof ConsoleKind>
/** Links are for looking on, which SPICE cannot be held to. */
const LinkKind = oneOf(shownKinds)

/** Of an instance, beside its serial line. */
export const Graphics = oneOf(graphicsKinds, {
  description: 'How its screen is reached: vnc, in the page; spice, also by remote-viewer. From its next start on',
})
export const Clipboard = oneOf(clipboardKinds, {
  description:
    'shared: with whoever sits at its screen, where spice-vdagent runs in the guest. From its next start on. A running ' +
    'guest that shares it cannot be moved to another host before QEMU 10.1, unless graphics is spice',
})

export const VideoModel = oneOf(videoModels, {
  description: 'Video card. With virtio its screen can take the size of who looks at it. From its next start on',
})

export const ConsoleTicket = closed({
  url: Type.String({ description: 'To be opened as a WebSocket; good once, for a minute' }),
  ticket: Type.String(),
  console_id: uuidOf('Of the viewer that opens it'),
  kind: ConsoleKind,
  view_only: Type.Boolean({ description: 'What is typed there goes nowhere' }),
  expires_at: Time,
})
export type ConsoleTicket = Static<typeof ConsoleTicket>

export const ConsoleViewer = closed({
  id: Uuid,
  instance_id: Uuid,
  user_id: Uuid,
  user: nullable(Type.String({ description: 'Its name; of a link, who made it' })),
  link_id: nullable(Uuid),
  kind: ConsoleKind,
  view_only: Type.Boolean(),
  address: Type.String({ description: 'Where the viewer is, as the controller sees it' }),
  opened_at: Time,
})
export type ConsoleViewer = Static<typeof ConsoleViewer>

export const ConsoleLink = closed({
  id: Uuid,
  instance_id: Uuid,
  user_id: Uuid,
  user: nullable(Type.String()),
  kind: LinkKind,
  viewers: Type.Integer({ description: 'Who look on by it now' }),
  expires_at: Time,
  created_at: Time,
})
export type ConsoleLink = Static<typeof ConsoleLink>

const ofInstance = closed({ instance: Uuid })
const oneViewer = closed({ instance: Uuid, console: Uuid })
const oneLink = closed({ instance: Uuid, console_link: Uuid })

export const consoleRoutes = {
  list: route({
    name: 'console.list',
    method: 'GET',
    path: '/v1/instances/:instance/consoles',
    summary: 'Who sits at its consoles now',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    params: ofInstance,
    status: 200,
    reply: closed({ items: Type.Array(ConsoleViewer) }),
    errors: ['not_found'],
    cli: { columns: ['user', 'kind', 'view_only', 'address', 'opened_at', 'id'] },
  }),
  update: route({
    name: 'console.update',
    method: 'PATCH',
    path: '/v1/instances/:instance/consoles/:console',
    summary: "Take another's control away, or give it (back)",
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params: oneViewer,
    body: closed({ view_only: Type.Boolean() }),
    status: 200,
    reply: ConsoleViewer,
    errors: ['not_found', 'wrong_state'],
  }),
  delete: route({
    name: 'console.delete',
    method: 'DELETE',
    path: '/v1/instances/:instance/consoles/:console',
    summary: "End another's console",
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params: oneViewer,
    status: 204,
    errors: ['not_found'],
  }),
}

export const consoleLinkRoutes = {
  list: route({
    name: 'console-link.list',
    method: 'GET',
    path: '/v1/instances/:instance/console-links',
    summary: 'Links to look on that are good now',
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params: ofInstance,
    status: 200,
    reply: closed({ items: Type.Array(ConsoleLink) }),
    errors: ['not_found'],
    cli: { columns: ['kind', 'user', 'viewers', 'expires_at', 'id'] },
  }),
  create: route({
    name: 'console-link.create',
    method: 'POST',
    path: '/v1/instances/:instance/console-links',
    summary: 'A link by which anybody who has it looks on, and types nothing, until it runs out or is deleted',
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params: ofInstance,
    body: closed({
      kind: Type.Optional(LinkKind),
      minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: linkMinutesMax, default: 15 })),
    }),
    status: 201,
    reply: closed({
      ...ConsoleLink.properties,
      secret: Type.String({ description: 'Shown this once' }),
      url: Type.String({ description: 'Path of the page to look on at, on the controller' }),
    }),
    errors: ['not_found', 'conflict'],
  }),
  delete: route({
    name: 'console-link.delete',
    method: 'DELETE',
    path: '/v1/instances/:instance/console-links/:console_link',
    summary: 'Take a link back; who looks on by it is cut off',
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params: oneLink,
    status: 204,
    errors: ['not_found'],
  }),
  open: route({
    name: 'console-link.open',
    method: 'POST',
    path: '/v1/console-links/open',
    summary: "A ticket to look on, for a link's secret",
    level: 'public',
    needs: null,
    body: closed({ secret: Type.String({ minLength: 43, maxLength: 43, pattern: '^[A-Za-z0-9_-]*$' }) }),
    status: 201,
    reply: closed({ ...ConsoleTicket.properties, kind: LinkKind, instance: Name }),
    errors: ['not_found', 'wrong_state'],
    cli: { hidden: true },
  }),
}
