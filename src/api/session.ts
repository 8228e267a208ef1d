/** Signing in and out, and what one may do. */
import Type, { type Static } from 'typebox'
import { permissions } from '../model/permissions.ts'
import { closed, Name, nullable, oneOf, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Permissions = Type.Array(oneOf(permissions))
const Reference = closed({ id: Uuid, name: Name, domain_id: Uuid })

/** As typed at sign-in. What a new password must be like is Password, in user.ts. */
const Secret = Type.String({ minLength: 1, maxLength: 1024 })
export const NameOrId = Type.String({ minLength: 1, maxLength: 128, description: 'A name or an id' })

export const SignedIn = closed({
  token: Type.String({ description: 'Send it as `Authorization: Bearer …`. It is shown only here.' }),
  expires_at: Time,
  user: Reference,
  project: nullable(Reference),
  permissions: Permissions,
})
export type SignedIn = Static<typeof SignedIn>

export const Session = closed({
  user: Reference,
  project: nullable(Reference),
  /** Null for an API key that does not expire. */
  expires_at: nullable(Time),
  roles: Type.Array(
    closed({
      role: Name,
      scope: oneOf(['system', 'domain', 'project', 'instance']),
      domain_id: nullable(Uuid),
      project_id: nullable(Uuid),
      instance_id: nullable(Uuid),
    }),
  ),
  permissions: closed({
    system: Permissions,
    domains: Type.Array(closed({ domain_id: Uuid, permissions: Permissions })),
    project: Permissions,
    instances: Type.Array(closed({ instance_id: Uuid, permissions: Permissions }), {
      description: 'Of the project, those that were given to you singly',
    }),
  }),
})
export type Session = Static<typeof Session>

export const sessionRoutes = {
  create: route({
    name: 'session.create',
    method: 'POST',
    path: '/v1/sign-in',
    summary: 'Sign in with a password: a token for one project',
    level: 'public',
    needs: null,
    body: closed({
      user: Name,
      password: Secret,
      domain: Type.Optional(Type.String({ minLength: 1, maxLength: 128, default: 'default' })),
      project: Type.Optional(NameOrId),
    }),
    status: 201,
    reply: SignedIn,
    errors: ['sign_in_refused', 'locked_out', 'not_found', 'unavailable'],
    cli: { hidden: true },
  }),
  get: route({
    name: 'session.get',
    method: 'GET',
    path: '/v1/session',
    summary: 'Who you are, where, and what you may do',
    level: 'self',
    needs: null,
    status: 200,
    reply: Session,
    errors: [],
  }),
  project: route({
    name: 'session.project',
    method: 'POST',
    path: '/v1/session/project',
    summary: 'A token for another project, as long-lived as the one you have',
    level: 'self',
    needs: null,
    body: closed({ project: NameOrId }),
    status: 201,
    reply: SignedIn,
    errors: ['not_found', 'wrong_state'],
    cli: { hidden: true },
  }),
  delete: route({
    name: 'session.delete',
    method: 'DELETE',
    path: '/v1/session',
    summary: 'Sign out: the token is good for nothing any more',
    level: 'self',
    needs: null,
    status: 204,
    errors: ['wrong_state'],
    cli: { hidden: true },
  }),
}
