/** Machines that ask to be hosts and wait for an operator: what they say of themselves, what speaks against it, yes or no. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

export const registrationStates = ['pending', 'approved', 'rejected'] as const

const Known = closed({ id: Uuid, name: Name, linked: Type.Boolean() })

export const HostRegistration = closed({
  id: Uuid,
  name: Type.String({ description: "The machine's own host name" }),
  state: oneOf(registrationStates),
  code: Type.String({
    description: "Of the machine's key: the same as the machine itself shows, or it is another machine",
  }),
  key_sha256: Type.String({ description: 'SHA-256 of its public key, hex' }),
  address: Type.String({ description: 'Where it asked from' }),
  machine_id: Type.String(),
  invited: Type.Boolean({ description: 'It came with a token, which was not enough: its machine id is known' }),
  cluster_id: nullable(Uuid),
  cluster: nullable(Type.String({ description: 'Its name' })),
  found: closed(
    {
      os: nullable(Type.String()),
      kernel: nullable(Type.String()),
      arch: nullable(Type.String()),
      cpu_model: nullable(Type.String()),
      agent_version: nullable(Type.String()),
      cpus: nullable(Type.Integer()),
      memory_mib: nullable(Type.Integer()),
    },
    { description: 'What it says of itself; nobody has proved it' },
  ),
  same_machine: nullable(Known),
  same_name: nullable(Known),
  same_machine_pending: Type.Integer({ description: 'Others that wait with the same machine id: clones of one disk?' }),
  host_id: nullable(Uuid),
  host: nullable(Type.String({ description: 'As it was let in: what that host is called, which may be another name' })),
  asked_at: Time,
  expires_at: Time,
  created_at: Time,
})
export type HostRegistration = Static<typeof HostRegistration>

const params = closed({ host_registration: Uuid })

export const hostRegistrationRoutes = {
  list: route({
    name: 'host-registration.list',
    method: 'GET',
    path: '/v1/host-registrations',
    summary: 'Machines that ask to be hosts, and what was decided',
    level: 'system',
    needs: 'topology.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name), state: Type.Optional(oneOf(registrationStates)) }),
    status: 200,
    reply: page(HostRegistration),
    errors: [],
    cli: { columns: ['name', 'state', 'code', 'address', 'same_name', 'same_machine', 'created_at', 'id'] },
  }),
  get: route({
    name: 'host-registration.get',
    method: 'GET',
    path: '/v1/host-registrations/:host_registration',
    summary: 'One machine that asks to be a host',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: HostRegistration,
    errors: ['not_found'],
  }),
  approve: route({
    name: 'host-registration.approve',
    method: 'POST',
    path: '/v1/host-registrations/:host_registration/approve',
    summary: 'Let the machine in, as a new host or as one that is known; compare its code first',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      cluster_id: Type.Optional(Uuid),
      name: Type.Optional(NewName),
      replaces_host_id: Type.Optional(
        uuidOf(
          'It is this host, installed anew: it gets its name, place and instances, and what had its certificate has it no longer',
        ),
      ),
      as_new: Type.Optional(
        Type.Boolean({
          description:
            'It is another machine than the host of the same name that does not answer; without this, or a name, such a one is refused',
        }),
      ),
    }),
    status: 200,
    reply: HostRegistration,
    errors: ['not_found', 'wrong_state', 'conflict', 'name_taken', 'invalid'],
  }),
  reject: route({
    name: 'host-registration.reject',
    method: 'POST',
    path: '/v1/host-registrations/:host_registration/reject',
    summary: 'Turn the machine away',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 200,
    reply: HostRegistration,
    errors: ['not_found', 'wrong_state'],
  }),
}
