/** The graph behind the picture of networks: few instances one by one, many as one box; and rules as sentences. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Instance } from '../../../src/api/instance.ts'
import type { Network } from '../../../src/api/network.ts'
import type { Router } from '../../../src/api/router.ts'
import type { Subnet } from '../../../src/api/subnet.ts'
import { sayable, sentenceOfRule } from '../../../src/ui/security-group/sentence.ts'
import { drawn, graphOf, sizeOf } from '../../../src/ui/topology/graph.ts'

const network = (id: string, kind = 'overlay') => ({ id, name: id, kind }) as Network
const subnet = (id: string, network_id: string) => ({ id, network_id }) as Subnet
const instance = (id: string, state: string, ...networks: string[]) =>
  ({ id, state, addresses: networks.map(network_id => ({ network_id })) }) as Instance

const things = {
  networks: [network('out', 'external'), network('a'), network('b')],
  subnets: [subnet('a4', 'a'), subnet('b4', 'b')],
  routers: [
    {
      ...{ id: 'r', name: 'r', external_network_id: 'out', external_addresses: ['203.0.113.2'] },
      interfaces: [{ subnet_id: 'a4', address: '10.0.0.1' }],
    } as Router,
  ],
  instances: [instance('1', 'running', 'a'), instance('2', 'running', 'b', 'a'), instance('3', 'running', 'elsewhere')],
}

suite('topology', () => {
  test('routers stand between their networks; instances hang on all of theirs', () => {
    const { boxes, lines } = graphOf(things, new Set())
    assert.deepEqual(boxes.map(box => box.id).sort(), ['a', 'b', 'on a', 'on a b', 'out', 'r'])
    assert.deepEqual(lines.map(line => `${line.from} > ${line.to}`).sort(), [
      'a > on a',
      'a > on a b',
      'b > on a b',
      'out > r',
      'r > a',
    ])
  })

  test('of many only those are drawn that something is wrong with, until one asks for all', () => {
    const many = Array.from({ length: 300 }, (_, n) => instance(`i${n}`, n === 7 ? 'error' : 'running', 'a'))
    const boxOf = (expanded: ReadonlySet<string>) =>
      graphOf({ ...things, instances: many }, expanded).boxes.find(box => box.kind === 'instances')
    const few = boxOf(new Set())
    const all = boxOf(new Set(['on a']))
    assert.ok(few && all)
    assert.deepEqual(
      drawn(few).map(one => one.id),
      ['i7'],
    )
    assert.equal(drawn(all).length, 300)
    assert.ok(sizeOf(few).height < 250 && sizeOf(all).height > 1000)
  })

  test('a rule reads as a sentence', () => {
    const say = (rule: Parameters<typeof sayable>[0]) => sentenceOfRule(sayable(rule), () => 'web')
    const direction = 'ingress'
    assert.equal(
      say({ direction, protocol: 'tcp', port_min: 22, port_max: 22 }),
      'TCP port 22 (SSH) from anywhere (IPv4)',
    )
    assert.equal(say({ direction, remote_group_id: 'x', ethertype: 'ipv6' }), 'everything from members of web (IPv6)')
    assert.equal(
      say({ direction: 'egress', protocol: 'udp', port_min: 1, port_max: 9, remote_cidr: '10.0.0.0/8' }),
      'UDP ports 1 to 9 to 10.0.0.0/8',
    )
    assert.equal(say({ direction, protocol: 'icmp', port_min: 8 }), 'ping (ICMP echo) from anywhere (IPv4)')
  })
})
