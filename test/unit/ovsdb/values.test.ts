/** Values to the wire and back, and differences as the server sends them. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { columnOf, parseSchema, tableOf } from '../../../src/lib/ovsdb/schema.ts'
import { applyDifference, decode, encode } from '../../../src/lib/ovsdb/values.ts'

const table = tableOf(
  parseSchema({
    name: 'T',
    tables: {
      T: {
        columns: {
          one: { type: 'string' },
          count: { type: 'integer' },
          maybe: { type: { key: 'integer', min: 0, max: 1 } },
          many: { type: { key: 'string', min: 0, max: 'unlimited' } },
          refs: { type: { key: { type: 'uuid', refTable: 'T' }, min: 0, max: 'unlimited' } },
          pairs: { type: { key: 'string', value: 'integer', min: 0, max: 'unlimited' } },
        },
      },
    },
  }),
  'T',
)
const column = (name: string) => columnOf(table, name)
const uuid = '01234567-89ab-cdef-0123-456789abcdef'

void test('plain values take the notation of RFC 7047, and come back', () => {
  const cases: [string, Parameters<typeof encode>[1], unknown][] = [
    ['one', 'x', 'x'],
    ['maybe', undefined, ['set', []]],
    ['maybe', 5, 5],
    ['many', ['a', 'b', 'a'], ['set', ['a', 'b']]],
    ['many', new Set<string>(), ['set', []]],
    [
      'refs',
      [uuid, 'row1'],
      [
        'set',
        [
          ['uuid', uuid],
          ['named-uuid', 'row1'],
        ],
      ],
    ],
    ['pairs', { a: 1 }, ['map', [['a', 1]]]],
    ['_uuid', uuid, ['uuid', uuid]],
  ]
  for (const [name, value, wire] of cases) assert.deepEqual(encode(column(name), value), wire)
  assert.deepEqual(decode(column('many'), 'lonely'), new Set(['lonely']))
  assert.deepEqual(decode(column('maybe'), ['set', []]), undefined)
  assert.deepEqual(decode(column('pairs'), ['map', [['a', 1]]]), new Map([['a', 1]]))
})

void test('what does not fit its column is refused in words', () => {
  assert.throws(() => encode(column('one'), 5), /column one takes one of string, not number 5/)
  assert.throws(() => encode(column('one'), undefined), /column one takes one of string, not undefined/)
  assert.throws(() => encode(column('count'), 1.5), /an integer within/)
  assert.throws(() => encode(column('many'), { a: '1' }), /column many takes a set/)
  assert.throws(() => encode(column('pairs'), ['a']), /column pairs takes a map/)
  assert.throws(() => encode(column('refs'), ['not a name']), /neither a uuid nor a uuid-name/)
  assert.throws(() => decode(column('count'), 'x'), /sent "x" where a integer belongs/)
})

void test('differences: sets toggle, pairs change, single values are replaced', () => {
  assert.deepEqual(applyDifference(column('many'), new Set(['a', 'b']), ['set', ['b', 'c']]), new Set(['a', 'c']))
  assert.deepEqual(applyDifference(column('maybe'), 5, ['set', []]), undefined)
  assert.deepEqual(applyDifference(column('maybe'), 5, 6), 6)
  const before = new Map([
    ['keep', 1],
    ['go', 2],
    ['change', 3],
  ])
  const wire = [
    'map',
    [
      ['go', 2],
      ['change', 4],
      ['come', 5],
    ],
  ]
  assert.deepEqual(
    applyDifference(column('pairs'), before, wire),
    new Map([
      ['keep', 1],
      ['change', 4],
      ['come', 5],
    ]),
  )
  assert.equal(before.size, 3, 'the value before stays as it was')
})
