/** What is typed becomes what the API takes, or is refused in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Schema } from '../../../src/cli/contract.ts'
import { parseTraffic } from '../../../src/cli/commands/security-group.ts'
import { UsageError } from '../../../src/cli/failure.ts'
import { toValue, type ValueContext } from '../../../src/cli/value.ts'

const context: ValueContext = {
  lookup: async (noun, name) => `id of ${noun} ${name}`,
  readFile: async path => Buffer.from(`content of ${path}`),
  nounOf: name => name.replaceAll('_', '-'),
}
const value = (text: string, schema: Schema, noun?: string) => toValue(text, schema, noun, '--x', context)
const refuses = (text: string, schema: Schema, says: RegExp) =>
  assert.rejects(value(text, schema), error => error instanceof UsageError && says.test(error.message))

const network: Schema = {
  type: 'object',
  required: ['network_id'],
  properties: {
    network_id: { type: 'string', format: 'uuid' },
    fixed_addresses: { type: 'array', items: { type: 'string' } },
    security_groups: { type: 'array', items: { type: 'string', format: 'uuid' } },
    up: { type: 'boolean' },
  },
}

test('plain values', async () => {
  assert.equal(await value('12', { type: 'integer' }), 12)
  assert.equal(await value('1.5', { type: 'number' }), 1.5)
  assert.equal(await value('012', { type: 'string' }), '012')
  assert.equal(await value('ipv4', { type: 'string', enum: ['ipv4', 'ipv6'] }), 'ipv4')
  assert.equal(await value('17', { type: 'integer', enum: [3, 17] }), 17)
  await refuses('18', { type: 'integer', enum: [3, 17] }, /"18" is not one of 3, 17/)
  assert.equal(await value('6', { anyOf: [{ type: 'string' }, { type: 'integer' }] }), 6)
  assert.equal(await value('tcp', { anyOf: [{ type: 'string' }, { type: 'integer' }] }), 'tcp')
  assert.deepEqual(await value('{"a":[1]}', {}), { a: [1] })
  assert.equal(await value('plain', {}), 'plain')
  assert.equal(await value('f', { type: 'string', contentEncoding: 'base64' }), 'Y29udGVudCBvZiBm')
  assert.equal(await value('small', { type: 'string', format: 'uuid' }, 'flavor'), 'id of flavor small')
})

test('wrong values are refused before anything is asked', async () => {
  await refuses('1.5', { type: 'integer' }, /--x: "1.5" is not a whole number/)
  await refuses('', { type: 'integer' }, /not a whole number/)
  await refuses('0x', { type: 'number' }, /not a number/)
  await refuses('9007199254740993', { type: 'integer' }, /not a whole number/)
  await refuses('ipv5', { type: 'string', enum: ['ipv4', 'ipv6'] }, /not one of ipv4, ipv6/)
  await refuses('maybe', { type: 'boolean' }, /neither true nor false/)
  await refuses('key', { type: 'object', patternProperties: { '^.*$': { type: 'string' } } }, /not KEY=VALUE/)
  await refuses('{"a":', network, /not JSON/)
  await refuses('default,colour=red', network, /no field "colour"; there are network_id, /)
  await refuses('default,red', network, /"red" is not FIELD=VALUE/)
})

test('objects in short: bare word, fields in the singular, names for ids', async () => {
  assert.deepEqual(await value('default', network), { network_id: 'id of network default' })
  assert.deepEqual(await value('net=x', { type: 'object', patternProperties: { '^.*$': { type: 'string' } } }), {
    net: 'x',
  })
  assert.deepEqual(
    await value('network=a,fixed-address=10.0.0.5,fixed-address=::1,security-group=web,up=no', network),
    {
      network_id: 'id of network a',
      fixed_addresses: ['10.0.0.5', '::1'],
      security_groups: ['id of security-group web'],
      up: false,
    },
  )
  assert.deepEqual(await value('{"network_id":"x"}', network), { network_id: 'x' })
})

test('traffic in short', () => {
  assert.deepEqual(parseTraffic('tcp:22'), { protocol: 'tcp', port_min: 22, port_max: 22 })
  assert.deepEqual(parseTraffic('UDP:5000-5100'), { protocol: 'udp', port_min: 5000, port_max: 5100 })
  assert.deepEqual(parseTraffic('any'), {})
  assert.deepEqual(parseTraffic('47'), { protocol: 47 })
  assert.deepEqual(parseTraffic('icmp', true), { protocol: 'ipv6-icmp' })
  for (const wrong of ['', 'tcp:', 'tcp:a', ':22', 'tcp:1-', 'tcp 22'])
    assert.throws(() => parseTraffic(wrong), UsageError)
})
