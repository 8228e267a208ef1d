/** Security groups: what traffic reaches ports and leaves them. Rules only allow. */
import Type, { type Static } from 'typebox'
import { packetReasons, ruleDifferences } from '../model/packet-check.ts'
import { closed, Description, Name, NewName, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { AddressText, CidrText } from './network.ts'
import { route } from './route.ts'

const directions = ['ingress', 'egress'] as const
const ethertypes = ['ipv4', 'ipv6'] as const

export const SecurityGroupRule = closed({
  id: Uuid,
  security_group_id: Uuid,
  direction: oneOf(directions),
  ethertype: oneOf(ethertypes),
  protocol: nullable(Type.String()),
  port_min: nullable(Type.Integer()),
  port_max: nullable(Type.Integer()),
  remote_cidr: nullable(Type.String()),
  remote_group_id: nullable(Uuid),
  description: Type.String(),
  created_at: Time,
})
export type SecurityGroupRule = Static<typeof SecurityGroupRule>

export const SecurityGroup = closed({
  id: Uuid,
  name: Name,
  project_id: Uuid,
  description: Type.String(),
  is_default: Type.Boolean(),
  rules: Type.Array(SecurityGroupRule),
  version: Type.Integer(),
  created_at: Time,
})
export type SecurityGroup = Static<typeof SecurityGroup>

export const RuleAsked = closed({
  direction: oneOf(directions),
  ethertype: Type.Optional(oneOf(ethertypes)),
  protocol: Type.Optional(
    Type.Union([Type.String({ minLength: 1, maxLength: 16 }), Type.Integer({ minimum: 0, maximum: 255 })], {
      description: 'Name or number; without it, any',
    }),
  ),
  port_min: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'For ICMP: the type' })),
  port_max: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'For ICMP: the code' })),
  remote_cidr: Type.Optional(CidrText),
  remote_group_id: Type.Optional(Uuid),
  description: Type.Optional(Description),
})
export type RuleAsked = Static<typeof RuleAsked>

const Protocol = Type.Union([Type.String({ minLength: 1, maxLength: 16 }), Type.Integer({ minimum: 0, maximum: 255 })])
const PortNumber = Type.Integer({ minimum: 0, maximum: 65_535 })
const IcmpNumber = Type.Integer({ minimum: 0, maximum: 255 })

export const PacketAsked = closed({
  port_id: Type.Optional(Uuid),
  instance_id: Type.Optional(
    Type.String({ ...Uuid, description: 'In place of port_id, of an instance with one port' }),
  ),
  security_groups: Type.Optional(
    Type.Array(Uuid, { maxItems: 16, uniqueItems: true, description: "In place of the port's own: what if?" }),
  ),
  direction: oneOf(directions),
  protocol: Type.Unsafe<string | number>({ ...Protocol, description: 'Name or number' }),
  destination_port: Type.Optional(
    Type.Integer({ ...PortNumber, description: 'To which it goes; tcp, udp and sctp need it' }),
  ),
  source_port: Type.Optional(PortNumber),
  icmp_type: Type.Optional(Type.Integer({ ...IcmpNumber, description: 'Without it: a ping' })),
  icmp_code: Type.Optional(IcmpNumber),
  remote_address: Type.String({ ...AddressText, description: 'The other end: where it comes from, or goes to' }),
})
export type PacketAsked = Static<typeof PacketAsked>

export const PacketAnswer = closed({
  allowed: Type.Boolean({ description: 'What answers it is then let through without a rule: groups are stateful' }),
  because: oneOf(packetReasons),
  detail: Type.String({ description: 'What, why, and what to do' }),
  port_id: nullable(Uuid),
  rule: nullable(SecurityGroupRule),
  closest: Type.Array(closed({ rule: SecurityGroupRule, differs_in: Type.Array(oneOf(ruleDifferences)) }), {
    description: 'Of a packet that no rule allows: the rules that come nearest',
  }),
})
export type PacketAnswer = Static<typeof PacketAnswer>

const params = closed({ security_group: Uuid })

export const securityGroupRoutes = {
  list: route({
    name: 'security-group.list',
    method: 'GET',
    path: '/v1/security-groups',
    summary: "The project's security groups with their rules",
    level: 'project',
    needs: 'network.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(SecurityGroup),
    errors: [],
    cli: { columns: ['name', 'description', 'id'] },
  }),
  get: route({
    name: 'security-group.get',
    method: 'GET',
    path: '/v1/security-groups/:security_group',
    summary: 'One security group with its rules',
    level: 'project',
    needs: 'network.read',
    params,
    status: 200,
    reply: SecurityGroup,
    errors: ['not_found'],
  }),
  create: route({
    name: 'security-group.create',
    method: 'POST',
    path: '/v1/security-groups',
    summary: 'Make a security group; it lets all traffic out and none in, until rules are added',
    level: 'project',
    needs: 'security-group.manage',
    body: closed({ name: NewName, description: Type.Optional(Description) }),
    status: 201,
    reply: SecurityGroup,
    errors: ['name_taken', 'quota_exceeded'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'security-group.update',
    method: 'PATCH',
    path: '/v1/security-groups/:security_group',
    summary: 'Rename or describe a security group',
    level: 'project',
    needs: 'security-group.manage',
    params,
    body: closed({ name: Type.Optional(NewName), description: Type.Optional(Description) }),
    status: 200,
    reply: SecurityGroup,
    errors: ['not_found', 'name_taken', 'wrong_state', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'security-group.delete',
    method: 'DELETE',
    path: '/v1/security-groups/:security_group',
    summary: 'Delete a security group that no port is in',
    level: 'project',
    needs: 'security-group.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'wrong_state', 'changed_meanwhile'],
  }),
  addRule: route({
    name: 'security-group.add-rule',
    method: 'POST',
    path: '/v1/security-groups/:security_group/rules',
    summary: 'Allow more traffic',
    level: 'project',
    needs: 'security-group.manage',
    params,
    body: RuleAsked,
    status: 201,
    reply: SecurityGroupRule,
    errors: ['not_found', 'conflict', 'quota_exceeded'],
  }),
  removeRule: route({
    name: 'security-group.remove-rule',
    method: 'DELETE',
    path: '/v1/security-groups/:security_group/rules/:rule',
    summary: 'Allow that traffic no longer',
    level: 'project',
    needs: 'security-group.manage',
    params: closed({ security_group: Uuid, rule: Uuid }),
    status: 204,
    errors: ['not_found'],
  }),
  check: route({
    name: 'security-group.check',
    method: 'POST',
    path: '/v1/security-groups/check',
    summary: 'Would this packet pass? By which rule, or why not; nothing is changed',
    level: 'project',
    needs: 'network.read',
    body: PacketAsked,
    status: 200,
    reply: PacketAnswer,
    errors: ['not_found'],
  }),
}
