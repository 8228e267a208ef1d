/** Invitations: one-time tokens with which hosts join, as they are kept. The token itself is shown once, to who made it (host-joining.ts). */
import Type, { type Static } from 'typebox'
import { closed, Name, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

const invitationStates = ['open', 'used', 'expired'] as const

export const HostInvitation = closed({
  id: Uuid,
  state: oneOf(invitationStates, {
    description: "'open': whoever has the token can still join; a week after its end it is forgotten",
  }),
  cluster_id: Uuid,
  cluster: Name,
  replaces_host_id: nullable(uuidOf('The host that comes back with it')),
  replaces_host: nullable(Type.String()),
  user_id: nullable(uuidOf('Who made it')),
  user: nullable(Type.String()),
  host_id: nullable(uuidOf('Who joined with it; null, though it was used: a machine that waits for approval')),
  host: nullable(Type.String()),
  created_at: nullable(Time),
  used_at: nullable(Time),
  expires_at: Time,
})
export type HostInvitation = Static<typeof HostInvitation>

export const hostInvitationRoutes = {
  list: route({
    name: 'host-invitation.list',
    method: 'GET',
    path: '/v1/host-invitations',
    summary: 'Tokens with which hosts join: who made them, and until when they are good',
    level: 'system',
    needs: 'topology.read',
    query: closed({
      limit: pageQuery.limit,
      cursor: pageQuery.cursor,
      sort: pageQuery.sort,
      state: Type.Optional(oneOf(invitationStates)),
    }),
    status: 200,
    reply: page(HostInvitation),
    errors: [],
    cli: { columns: ['state', 'cluster', 'replaces_host', 'user', 'host', 'created_at', 'expires_at', 'id'] },
  }),
  delete: route({
    name: 'host-invitation.delete',
    method: 'DELETE',
    path: '/v1/host-invitations/:host_invitation',
    summary: 'Take an invitation back: nobody joins with its token any more. Who has joined stays',
    level: 'system',
    needs: 'topology.manage',
    params: closed({ host_invitation: Uuid }),
    status: 204,
    errors: ['not_found'],
  }),
}
