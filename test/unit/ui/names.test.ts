/** Things are called by what their rows say; what was read besides is read once, and stays known. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Item, NounDefinition } from '../../../src/ui/noun/definition.ts'
import { newestOf, toldName, withNames } from '../../../src/ui/parts/names.ts'
import { replace } from '../../../src/ui/live/pages.ts'

const volumes = { name: 'volume' } as Partial<NounDefinition> as NounDefinition
const addresses = { name: 'floating-ip', label: () => '10.0.0.7' } as Partial<NounDefinition> as NounDefinition

test('a row’s own name is what a thing is called; null is final, but for what has no name by its nature', () => {
  assert.equal(toldName(volumes, 'data'), 'data')
  assert.equal(toldName(volumes, null), null)
  assert.equal(toldName(volumes, undefined), undefined)
  assert.equal(toldName(undefined, null), null)
  assert.equal(toldName(addresses, null), undefined)
})

test('names that were read stay known while newer ones come, and what no list has is asked about once', () => {
  const named = (id: string): Item => ({ id, name: `volume ${id}` })
  assert.deepEqual([...newestOf(['1', '3', '2'].map(id => ({ noun: 'volume', id })))], [['volume', '3']])
  const first = withNames(undefined, volumes, [named('1'), named('2')], '3')
  assert.deepEqual(first, { names: { 1: 'volume 1', 2: 'volume 2' }, up_to: '3' })
  const then = withNames(first, volumes, [named('5')], '4')
  assert.deepEqual(then, { names: { 1: 'volume 1', 2: 'volume 2', 5: 'volume 5' }, up_to: '5' })
  assert.deepEqual(withNames(undefined, volumes, [], '4'), { names: {}, up_to: '4' })
})

test('a row that an event brings anew keeps the name that the list told', () => {
  const row = { id: '1', state: 'running', resource_name: 'web' }
  const pages = [{ items: [row], next: null }]
  const { pages: after } = replace(pages, new Map([['1', { id: '1', state: 'succeeded' } as Item]]), 'id')
  assert.deepEqual(after[0]?.items, [{ id: '1', state: 'succeeded', resource_name: 'web' }])
})
