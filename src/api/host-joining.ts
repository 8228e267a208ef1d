/** How machines are asked to be hosts: by a token that is made for one, or by asking themselves. Those that ask: host-registration.ts. */
import Type from 'typebox'
import { closed, nullable, Time, uuidOf } from './common.ts'
import { route } from './route.ts'

export const hostJoiningRoutes = {
  invite: route({
    name: 'host.invite',
    method: 'POST',
    path: '/v1/host-invitations',
    summary: 'Make a one-time token with which one host joins',
    level: 'system',
    needs: 'topology.manage',
    body: closed({
      cluster_id: Type.Optional(uuidOf('The cluster that it will be in; without it, the oldest')),
      replaces_host_id: Type.Optional(
        uuidOf(
          'For a machine installed anew: it comes back as this host, and what had its certificate has it no longer',
        ),
      ),
      minutes: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 10_080,
          default: 60,
          description: 'How long the token is good; 60 unless said',
        }),
      ),
    }),
    status: 201,
    reply: closed({
      id: uuidOf('Of the invitation: host-invitation.delete takes it back'),
      token: Type.String({ description: 'Shown once' }),
      controller_url: Type.String(),
      command: Type.String({ description: 'To be run on the new host, as root' }),
      warning: nullable(Type.String({ description: 'Why other machines cannot join in this way' })),
      expires_at: Time,
    }),
    errors: ['not_found'],
  }),
  joining: route({
    name: 'host.joining',
    method: 'GET',
    path: '/v1/host-joining',
    summary: 'How a machine without a token asks to be a host',
    level: 'system',
    needs: 'topology.read',
    status: 200,
    reply: closed({
      controller_url: Type.String(),
      ca_fingerprint: Type.String({ description: 'SHA-256 of the cloud’s certificate authority, base64url' }),
      self_registration: Type.Boolean({
        description: 'Whether such machines are let wait for approval: host.self_registration',
      }),
      command: Type.String({ description: 'To be run on the new host, as root' }),
      warning: nullable(Type.String({ description: 'Why other machines cannot join in this way' })),
    }),
    errors: [],
  }),
}
