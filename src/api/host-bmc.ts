/** Management controllers (BMC) of hosts: how the power of a host that is lost is cut, so that its instances may run elsewhere. */
import Type, { type Static } from 'typebox'
import { bmcKinds } from '../model/bmc.ts'
import { closed, nullable, oneOf, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const Address = Type.String({
  minLength: 1,
  maxLength: 253,
  pattern: '^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$',
  description: "Name or IP address, without 'https://' and without brackets",
})
const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const CipherSuite = Type.Unsafe<number>({
  type: 'integer',
  enum: [3, 8, 12, 17],
  description: 'IPMI: the cipher suite; 17 (SHA-256) where the BMC has it, 3 (SHA-1) else',
})
const Sha256 = Type.String({
  pattern: '^[0-9a-fA-F]{64}$',
  title: 'A SHA-256, hexadecimal: 64 digits',
  description:
    'Redfish: SHA-256 of its certificate in DER form, hexadecimal; then no other is taken, whoever signed it',
})
const Pem = Type.String({
  maxLength: 16_384,
  pattern: '^-----BEGIN CERTIFICATE-----',
  title: 'A certificate in PEM: -----BEGIN CERTIFICATE-----',
  description: 'Redfish: the authority that signed its certificate, PEM',
})
const System = Type.String({
  pattern: '^/redfish/v1/Systems/[A-Za-z0-9._~-]{1,128}$',
  title: 'A path such as /redfish/v1/Systems/1',
  description: 'Redfish: the system that is this host, where the BMC has several: /redfish/v1/Systems/1',
})

export const HostBmc = closed({
  host_id: Uuid,
  kind: oneOf(bmcKinds),
  address: Type.String(),
  port: nullable(Type.Integer({ description: "Null: the kind's own, 623 or 443" })),
  user: Type.String(),
  cipher_suite: Type.Integer(),
  certificate_sha256: nullable(Type.String()),
  ca_pem: nullable(Type.String()),
  system: nullable(Type.String()),
  tested_at: nullable(Time),
  test_failure: nullable(Type.String({ description: 'What was wrong at the last test; null: nothing' })),
  updated_at: Time,
})
export type HostBmc = Static<typeof HostBmc>

const params = closed({ host: Uuid })

export const hostBmcRoutes = {
  get: route({
    name: 'host-bmc.get',
    method: 'GET',
    path: '/v1/hosts/:host/bmc',
    summary: "The management controller that cuts a host's power; its password is never shown",
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: HostBmc,
    errors: ['not_found'],
  }),
  set: route({
    name: 'host-bmc.set',
    method: 'PUT',
    path: '/v1/hosts/:host/bmc',
    summary: 'Set how the power of a host is cut when it is lost',
    level: 'system',
    needs: 'host.fence',
    params,
    body: closed({
      kind: oneOf(bmcKinds),
      address: Address,
      port: Type.Optional(
        nullable(Type.Integer({ ...Port, description: 'Where it listens; null: where its kind does' })),
      ),
      user: Type.String({
        minLength: 1,
        maxLength: 64,
        pattern: '^[^\\u0000-\\u001f:]+$',
        title: 'A name without colons and control characters',
        description: 'Who signs in there',
      }),
      password: Type.Optional(
        Type.String({ minLength: 1, maxLength: 256, description: 'Kept sealed. Without it the one before stays' }),
      ),
      cipher_suite: Type.Optional(CipherSuite),
      certificate_sha256: Type.Optional(nullable(Sha256)),
      ca_pem: Type.Optional(nullable(Pem)),
      system: Type.Optional(nullable(System)),
    }),
    status: 200,
    reply: HostBmc,
    errors: ['not_found', 'invalid'],
  }),
  remove: route({
    name: 'host-bmc.remove',
    method: 'DELETE',
    path: '/v1/hosts/:host/bmc',
    summary: 'Forget the management controller of a host: when it is lost, its lease is waited for',
    level: 'system',
    needs: 'host.fence',
    params,
    status: 204,
    errors: ['not_found'],
  }),
  test: route({
    name: 'host-bmc.test',
    method: 'POST',
    path: '/v1/hosts/:host/bmc/test',
    summary: 'Ask the management controller whether the power is on; changes nothing',
    level: 'system',
    needs: 'host.fence',
    params,
    status: 200,
    reply: closed({
      power: nullable(oneOf(['on', 'off'])),
      failure: nullable(Type.String({ description: 'What is wrong, and what to do; null when it answered' })),
      took_ms: Type.Integer(),
    }),
    errors: ['not_found'],
  }),
}
