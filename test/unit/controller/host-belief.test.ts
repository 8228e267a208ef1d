/** What of a host's words about itself is believed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { disbelieved, peerFault, tunnelAddressOf } from '../../../src/controller/store/host-belief.ts'

const known = { name: 'h1', tunnel_address: '10.0.0.5', link_address: '192.0.2.5' }
const fresh = { name: 'h2', tunnel_address: null, link_address: '192.0.2.5' }

describe('controller/host-belief', () => {
  test('the first address that can be a machine’s is its own from then on', () => {
    assert.equal(tunnelAddressOf(fresh, '10.0.0.5'), '10.0.0.5')
    assert.equal(tunnelAddressOf(known, '10.0.0.6'), '10.0.0.5')
    assert.equal(tunnelAddressOf(known, '192.0.2.5'), '192.0.2.5', 'its link comes from there')
    for (const nowhere of [
      '',
      '127.0.0.1',
      '::1',
      '0.0.0.0',
      '169.254.169.254',
      'fe80::1',
      'ff02::1',
      '255.255.255.255',
      'db',
    ])
      assert.equal(tunnelAddressOf(fresh, nowhere), null, nowhere)
    // As an older Croft may have noted it.
    assert.equal(tunnelAddressOf({ ...known, tunnel_address: '127.0.0.1' }, '10.0.0.6'), '10.0.0.6')
  })

  test('others dial it only where it is known to be', () => {
    for (const good of ['10.0.0.5:7072', '192.0.2.5:7072', '10.0.0.5:1'])
      assert.equal(peerFault(known, good), null, good)
    assert.equal(peerFault({ ...known, tunnel_address: 'fd00::5' }, '[fd00:0::5]:7072'), null)
    for (const bad of [
      '10.0.0.6:7072',
      '127.0.0.1:7072',
      '10.0.0.5',
      'host:7072',
      '[::1]:7072',
      '10.0.0.5:0',
      '10.0.0.5:70000',
      '',
    ])
      assert.notEqual(peerFault(known, bad), null, bad)
    assert.notEqual(
      peerFault({ name: 'h3', tunnel_address: '127.0.0.1', link_address: '127.0.0.1' }, '127.0.0.1:7072'),
      null,
    )
    assert.notEqual(peerFault(known, null), null)
  })

  test('what is not believed is said, and nothing else', () => {
    const pool_id = '01890000-0000-7000-8000-0000000000aa'
    assert.deepEqual(disbelieved({ ...known, pool_id }, { tunnel_address: '10.0.0.5', pool_id }), [])
    assert.deepEqual(disbelieved({ ...fresh, pool_id: null }, { tunnel_address: '127.0.0.1' }), [])
    const [told] = disbelieved({ ...known, pool_id }, { tunnel_address: '10.0.0.6', pool_id })
    assert.match(String(told), /: croft host update h1 --tunnel-address 10\.0\.0\.6$/)
    assert.match(String(peerFault(known, '10.0.0.6:7072')), /: croft host update h1 --tunnel-address 10\.0\.0\.6$/)
    const [nowhere] = disbelieved({ ...known, pool_id }, { tunnel_address: '127.0.0.1', pool_id })
    assert.doesNotMatch(String(nowhere), /croft host update/, 'it would be refused')
    assert.equal(disbelieved({ ...known, pool_id: null }, { tunnel_address: '10.0.0.6', pool_id }).length, 2)
  })
})
