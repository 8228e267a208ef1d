/** Which addresses are public: every special range by example, in every spelling that leads to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isPublicAddress } from '../../../src/lib/download/index.ts'

const refused = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  'localhost',
  '',
]

void test('special addresses are refused', () => {
  for (const address of refused) assert.equal(isPublicAddress(address), false, address)
})

void test('public addresses are not', () => {
  for (const address of [
    '1.1.1.1',
    '151.101.2.132',
    '172.32.0.1',
    '2606:4700::1111',
    '2a04:4e42::644',
    '::ffff:1.1.1.1',
  ]) {
    assert.equal(isPublicAddress(address), true, address)
  }
})

void test('an IPv4 address is judged alike inside IPv6', () => {
  fc.assert(
    fc.property(fc.ipV4(), address => {
      assert.equal(isPublicAddress(`::ffff:${address}`), isPublicAddress(address))
    }),
  )
})
