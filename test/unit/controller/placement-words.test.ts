/** What is said of placements: each filter and weight in the documents, and what helps in a refusal. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { filters, whatHelps } from '../../../src/controller/scheduler/filters/index.ts'

test('docs/placement.md names every filter, and none that there is not', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/placement.md'), 'utf8')
  const table = text.slice(text.indexOf('| Filter |'), text.indexOf('## What is liked'))
  const rows = table.split('\n').flatMap(row => row.split('|')[1] ?? [])
  const named = rows.flatMap(cell => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  assert.deepEqual(named.sort(), Object.keys(filters).sort())
})

test('a refusal says what helps for its reasons, and speaks of room only where room is short', () => {
  assert.equal(whatHelps(['memory', 'vcpus']), 'Choose a smaller flavor, free some room, or add a host.')
  assert.equal(whatHelps([]), 'Choose a smaller flavor, free some room, or add a host.')
  assert.equal(
    whatHelps(['asked_host', 'maintenance', 'zone']),
    'Name another host, or none; or wait until the maintenance is over.',
  )
  assert.equal(whatHelps(['zone']), 'Name another zone, or none.')
  assert.match(whatHelps(['shared_pool']), /^Use a storage pool that several hosts share/)
})

test('what is to go elsewhere is told to choose nothing that it was made with, nor another zone', () => {
  const told = Object.keys(filters).map(filter => whatHelps([filter], true))
  for (const words of told)
    assert.doesNotMatch(words, /another zone|flavor with|choose|start from|leave out|in no group/i)
  assert.equal(whatHelps(['zone', 'own_host'], true), 'Add a host to its zone.')
  assert.equal(whatHelps(['own_host'], true), 'Add a host to its zone.')
  assert.equal(
    whatHelps(['zone', 'memory', 'maintenance', 'own_host'], true),
    'Free some room in its zone, or add a host there; or end a maintenance, or wait until it is over.',
  )
})

test('what is where its group is, or those that it shall be with, is not told to name another host: none would do', () => {
  type Asked = NonNullable<Parameters<typeof whatHelps>[2]>
  type Around = NonNullable<Asked['around']>
  const at = (around: Partial<Around>) => ({ around: { own_host_id: 'h1', ...around } as Around }) as Asked
  const told = (filter: string, around: Partial<Around>) =>
    whatHelps([filter, 'asked_host', 'own_host'], true, at(around))
  const here = told('affinity', { group_hosts: new Map([['h1', 2]]) })
  assert.match(here, /^Leave it with its group, which is where it is: all of it moves when that host is emptied .*\.$/)
  assert.doesNotMatch(here, /another host/)
  assert.equal(told('same_host', { same_hosts: new Set(['h1']) }), 'Move it with those that it shall be with.')
  assert.match(told('affinity', { group_hosts: new Map([['h2', 2]]) }), /or name another host, or none\.$/)
})
