/** The port of a guest that is being sent: both hosts may have it, and it works on the new one from the guest's first word there (ovn-nb(5), requested-chassis). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plan } from '../../../src/controller/ovn/plan.ts'
import type { Topology } from '../../../src/controller/ovn/topology.ts'
import { a1, a2, knownTopology } from '../../support/ovn-known.ts'

/** Of the first guest; `hosts`: where it is, and where it is being sent. */
function optionsOf(hosts: { host: string | null; target_host?: string | null }, id = a1): Record<string, string> {
  const ports = knownTopology.ports.map(port => (port.id === a1 ? { ...port, ...hosts } : port))
  const topology: Topology = { ...knownTopology, ports }
  const { rows, problems } = plan(topology)
  assert.deepEqual(problems, [])
  const row = rows.table('Logical_Switch_Port').get(id)
  const { hostname: _, ...options } = Object.fromEntries((row?.columns.options ?? []) as Map<string, string>)
  return options
}

test('while it is sent both hosts are named, the one that has it first, and the new one waits for the guest to speak', () => {
  assert.deepEqual(optionsOf({ host: 'host-1', target_host: 'host-2' }), {
    'requested-chassis': 'host-1,host-2',
    'activation-strategy': 'rarp',
  })
})

test('before and after one host alone is named, and nothing is waited for', () => {
  assert.deepEqual(optionsOf({ host: 'host-1' }), { 'requested-chassis': 'host-1' })
  assert.deepEqual(optionsOf({ host: 'host-2', target_host: null }), { 'requested-chassis': 'host-2' })
  assert.deepEqual(optionsOf({ host: null }), {})
})

test('no other port has anything of it', () => {
  assert.deepEqual(optionsOf({ host: 'host-1', target_host: 'host-2' }, a2), { 'requested-chassis': 'host-1' })
})
