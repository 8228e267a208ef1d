/** Would this packet pass: single cases, and properties over all rules and packets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CheckedRule, checkPacket, ethertypeOf, type Packet } from '../../../src/model/packet-check.ts'

const rule = (changes: Partial<CheckedRule> = {}): CheckedRule => ({
  ...{ id: 'r', direction: 'ingress', ethertype: 'ipv4', protocol: 'tcp', port_min: 22, port_max: 22 },
  ...{ remote_cidr: null, remote_group_id: null },
  ...changes,
})
const ssh: Packet = { direction: 'ingress', protocol: 'tcp', port: 22, remote_address: '192.0.2.7' }
const guarded = (...rules: CheckedRule[]) => ({ admin_up: true, port_security: true, rules })
const none = new Set<string>()

test('a rule lets in what it names, and nothing beside it', () => {
  assert.equal(checkPacket(guarded(rule()), ssh, none).because, 'rule')
  const refused = checkPacket(guarded(rule({ port_min: 80, port_max: 90 })), ssh, none)
  assert.deepEqual([refused.allowed, refused.because], [false, 'no_rule'])
  assert.deepEqual(refused.closest[0]?.differs_in, ['port'])
  assert.equal(checkPacket(guarded(rule({ direction: 'egress' })), ssh, none).closest.length, 0)
  assert.equal(checkPacket(guarded(), ssh, none).because, 'no_groups')
  const far = rule({ remote_cidr: '10.0.0.0/8' })
  assert.deepEqual(checkPacket(guarded(far), ssh, none).closest[0]?.differs_in, ['remote'])
  assert.equal(checkPacket(guarded(far), { ...ssh, remote_address: '10.200.0.1' }, none).allowed, true)
})

test('a group lets in its own members', () => {
  const members = rule({ remote_group_id: 'web' })
  assert.equal(checkPacket(guarded(members), ssh, new Set(['web'])).allowed, true)
  assert.equal(checkPacket(guarded(members), ssh, new Set(['db'])).allowed, false)
})

test('ICMP has types and codes in place of ports; ICMPv6 is the ICMP of IPv6', () => {
  const ping: Packet = { ...ssh, protocol: 'icmp', port: undefined, icmp_type: 8, icmp_code: 0 }
  assert.equal(
    checkPacket(guarded(rule({ protocol: 'icmp', port_min: null, port_max: null })), ping, none).allowed,
    true,
  )
  assert.equal(checkPacket(guarded(rule({ protocol: 'icmp', port_min: 8, port_max: null })), ping, none).allowed, true)
  assert.equal(checkPacket(guarded(rule({ protocol: 'icmp', port_min: 0, port_max: 0 })), ping, none).allowed, false)
  const six = rule({ protocol: 'icmpv6', ethertype: 'ipv6', port_min: null, port_max: null })
  const ping6: Packet = { ...ping, protocol: 'icmpv6', icmp_type: 128, remote_address: '2001:db8::1' }
  assert.equal(checkPacket(guarded(six), ping6, none).allowed, true)
})

test('what is so whatever the rules say', () => {
  const all = rule({ direction: 'egress', protocol: null, port_min: null, port_max: null })
  const serve: Packet = { direction: 'egress', protocol: 'udp', source_port: 67, port: 68, remote_address: '10.0.0.9' }
  assert.equal(checkPacket(guarded(all), serve, none).because, 'dhcp_server')
  assert.equal(checkPacket(guarded(all), { ...serve, source_port: 5000 }, none).because, 'rule')
  const ask: Packet = { ...serve, source_port: 68, port: 67 }
  assert.equal(checkPacket(guarded(), ask, none).because, 'always_allowed')
  const metadata: Packet = { direction: 'egress', protocol: 'tcp', port: 80, remote_address: '169.254.169.254' }
  assert.equal(checkPacket(guarded(), metadata, none).because, 'always_allowed')
  assert.equal(checkPacket(guarded(), { ...metadata, direction: 'ingress' }, none).allowed, false)
  const neighbour: Packet = {
    ...{ direction: 'ingress', protocol: 'icmpv6', icmp_type: 135, icmp_code: 0, remote_address: 'fe80::1' },
  }
  assert.equal(checkPacket(guarded(), neighbour, none).because, 'always_allowed')
  assert.equal(checkPacket({ ...guarded(), port_security: false }, ssh, none).because, 'no_port_security')
  assert.equal(checkPacket({ ...guarded(rule()), admin_up: false }, ssh, none).because, 'port_down')
})

test('addresses are of one family, or none', () => {
  assert.deepEqual(['10.0.0.1', '10.1', '::1', 'fe80::1%eth0', '::ffff:1.2.3.4', 'x'].map(ethertypeOf), [
    'ipv4',
    null,
    'ipv6',
    null,
    null,
    null,
  ])
})

const anyRule: fc.Arbitrary<CheckedRule> = fc.record({
  id: fc.uuid(),
  direction: fc.constantFrom('ingress', 'egress'),
  ethertype: fc.constantFrom('ipv4', 'ipv6'),
  protocol: fc.constantFrom(null, 'tcp', 'udp', 'icmp', 'icmpv6', 'gre'),
  port_min: fc.option(fc.integer({ min: 1, max: 100 })),
  port_max: fc.option(fc.integer({ min: 100, max: 200 })),
  remote_cidr: fc.constantFrom(null, '10.0.0.0/8', '0.0.0.0/0', '2001:db8::/32'),
  remote_group_id: fc.constantFrom(null, 'a', 'b'),
})
const anyPacket: fc.Arbitrary<Packet> = fc.record({
  direction: fc.constantFrom('ingress', 'egress'),
  protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'gre'),
  port: fc.integer({ min: 1, max: 300 }),
  icmp_type: fc.integer({ min: 0, max: 20 }),
  icmp_code: fc.integer({ min: 0, max: 3 }),
  remote_address: fc.constantFrom('10.1.2.3', '192.0.2.1', '2001:db8::5', '2001:db9::5'),
})
const members = fc.uniqueArray(fc.constantFrom('a', 'b')).map(ids => new Set(ids))
const rules = fc.array(anyRule, { maxLength: 6 })

test('rules only allow: more rules never refuse what fewer let through, and their order does not matter', () => {
  fc.assert(
    fc.property(rules, rules, anyPacket, members, (some, more, packet, groups) => {
      const before = checkPacket(guarded(...some), packet, groups).allowed
      const after = checkPacket(guarded(...some, ...more), packet, groups).allowed
      assert.ok(!before || after)
      assert.equal(checkPacket(guarded(...more, ...some), packet, groups).allowed, after)
    }),
  )
})

test('the rule that is named lets the packet through by itself; of a refused one none does', () => {
  fc.assert(
    fc.property(rules, anyPacket, members, (all, packet, groups) => {
      const { allowed, because, rule: named, closest } = checkPacket(guarded(...all), packet, groups)
      assert.equal(because === 'rule', named !== null)
      if (named) assert.equal(checkPacket(guarded(named), packet, groups).allowed, true)
      if (!allowed) for (const one of all) assert.equal(checkPacket(guarded(one), packet, groups).allowed, false)
      for (const one of closest) assert.ok(one.differs_in.length > 0 && one.rule.direction === packet.direction)
    }),
  )
})

test('a wider rule lets through all that a narrower one does', () => {
  fc.assert(
    fc.property(anyRule, anyPacket, members, (one, packet, groups) => {
      const wide = { ...one, protocol: null, port_min: null, port_max: null, remote_cidr: null, remote_group_id: null }
      if (checkPacket(guarded(one), packet, groups).allowed)
        assert.equal(checkPacket(guarded(wide), packet, groups).allowed, true)
    }),
  )
})
