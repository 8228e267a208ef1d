/** What a page would send is shown as the command that does just that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract } from '../../../src/api/index.ts'
import type { FieldShape, RouteShapes } from '../../../src/ui/api/route-shapes.ts'
import { commandOf } from '../../../src/ui/parts/command-text.ts'

const field = (name: string, more: Partial<FieldShape>): FieldShape => ({
  name,
  type: 'string',
  required: false,
  nullable: false,
  flag: name,
  positional: false,
  ...more,
})
const shapes = (body: readonly FieldShape[]): RouteShapes => ({
  summary: '',
  params: [field('host', { positional: true })],
  query: [],
  body,
})

test('a map that is sent whole is taken away before its entries are said; a list with nothing in it is emptied', () => {
  const labels = field('labels', { flag: 'label', by_entry: true, empties: 'labels' })
  const said = (body: object, fields = shapes([labels])) =>
    commandOf(contract.host.update, fields, { params: { host: 'h1' }, body })
  assert.equal(
    said({ labels: { rack: '1', gateway: 'true' } }),
    'croft host update h1 --no-labels --label rack=1 --label gateway=true',
  )
  assert.equal(said({ labels: {} }), 'croft host update h1 --no-labels')
  assert.equal(said({}), 'croft host update h1')
  const properties = shapes([field('properties', { type: 'object', flag: 'property', empties: 'properties' })])
  assert.equal(
    said({ properties: { os: 'debian', user: 'root' } }, properties),
    'croft host update h1 --no-properties --property os=debian,user=root',
  )
  const tags = shapes([field('tags', { flag: 'tag', by_entry: true })])
  assert.equal(said({ tags: { a: '1', b: '2' } }, tags), 'croft host update h1 --tag a=1 --tag b=2')
  const dns = shapes([field('dns', { type: 'array', empties: 'dns' })])
  assert.equal(said({ dns: [] }, dns), 'croft host update h1 --no-dns')
  assert.equal(said({ dns: ['::1'] }, dns), 'croft host update h1 --dns ::1')
})
