/** Reading, writing and arithmetic of internet addresses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  contains,
  formatAddress,
  formatCidr,
  isHostAddress,
  parseAddress,
  parseBeginning,
  parseCidr,
} from '../../src/lib/ip.ts'

test('every number has one spelling, which reads back as the number', () => {
  const address = fc.oneof(
    fc.record({ family: fc.constant(4 as const), value: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }) }),
    fc.record({ family: fc.constant(6 as const), value: fc.bigInt({ min: 2n ** 64n, max: 2n ** 128n - 1n }) }),
  )
  fc.assert(
    fc.property(address, ({ family, value }) => {
      assert.deepEqual(parseAddress(formatAddress(family, value)), { family, value })
    }),
  )
})

test('IPv6 is written as RFC 5952 says', () => {
  const parsed = parseAddress('2001:DB8:0:0:1:0:0:1')
  assert.ok(parsed)
  assert.equal(formatAddress(6, parsed.value), '2001:db8::1:0:0:1')
})

test('what is not one plain address is refused', () => {
  for (const text of [
    '',
    '10.0.0',
    '010.0.0.1',
    '10.0.0.256',
    '::ffff:10.0.0.1',
    'fe80::1%eth0',
    '10.0.0.1/24',
    ' 10.0.0.1',
  ]) {
    assert.equal(parseAddress(text), null, text)
  }
})

test('a CIDR is read, and host bits are noticed', () => {
  const cidr = parseCidr('10.1.2.3/20')
  assert.ok(cidr)
  assert.equal(cidr.host_bits, true)
  assert.equal(formatCidr(cidr), '10.1.0.0/20')
  assert.equal(parseCidr('10.1.0.0/20')?.host_bits, false)
  for (const text of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/-1', 'x/8'])
    assert.equal(parseCidr(text), null, text)
})

test('network and broadcast address are nobody’s, but in the smallest networks', () => {
  const cidr = parseCidr('192.0.2.0/29')
  assert.ok(cidr)
  const usable = (text: string) => isHostAddress(cidr, parseAddress(text)?.value ?? 0n)
  assert.deepEqual(['192.0.2.0', '192.0.2.1', '192.0.2.6', '192.0.2.7'].map(usable), [false, true, true, false])
  const pair = parseCidr('192.0.2.0/31')
  assert.ok(pair)
  assert.equal(isHostAddress(pair, pair.first), true)
  assert.equal(contains(cidr, { family: 6, value: cidr.first }), false)
})

test('the beginning of an address is a range of them; what is less could be anything', () => {
  for (const [text, cidr] of [
    ['10.0.3', '10.0.3.0/24'],
    ['10.0.3.', '10.0.3.0/24'],
    ['2001:db8:7', '2001:db8:7::/48'],
    ['2001:DB8:0:7:', '2001:db8:0:7::/64'],
    ['fd00:1:2::', 'fd00:1:2::/48'],
    ['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:0/112'],
  ] as const) {
    const range = parseBeginning(text)
    assert.equal(range && formatCidr(range), cidr, text)
  }
  for (const text of [
    '',
    '10',
    '10.0',
    '10.0.',
    '10.0.256',
    '10.0.3.1',
    '10..3',
    '2001:db8',
    'fa:16:3e:00:00:01:02:03',
    'a:b:c:g',
    '1.2.3x',
  ])
    assert.equal(parseBeginning(text), null, text)
})
