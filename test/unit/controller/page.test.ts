/** Cursors: ours are read, others refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { keyset } from '../../../src/controller/store/page.ts'
import { CloudError } from '../../../src/model/errors.ts'

const id = sql`id`
const fields = { name: { column: sql`name` } }
const idOf = (i: number) => `00000000-0000-7000-8000-00000000000${i}`
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: idOf(i), sort_key: `key-${i}`, other: i }))

test('a page with more behind it has a cursor of its last row, and does not show the row too many', () => {
  const { items, next } = keyset({ limit: 3 }, id).toPage(rows(4))
  assert.deepEqual(items, [
    { id: idOf(0), other: 0 },
    { id: idOf(1), other: 1 },
    { id: idOf(2), other: 2 },
  ])
  assert.ok(next)
  assert.deepEqual(JSON.parse(Buffer.from(next, 'base64url').toString()), ['id', 'key-2', idOf(2)])
})

test('the last page has none', () => {
  assert.equal(keyset({ limit: 3 }, id).toPage(rows(3)).next, null)
  assert.deepEqual(keyset({ limit: 3 }, id).toPage([]), { items: [], next: null })
})

test('a cursor counts for the order that it was made for only', () => {
  const next = keyset({ limit: 1, sort: 'name' }, id, fields).toPage(rows(2)).next ?? ''
  assert.doesNotThrow(() => keyset({ sort: 'name', cursor: next }, id, fields))
  for (const sort of ['-name', 'id', undefined]) {
    assert.throws(() => keyset({ sort, cursor: next }, id, fields), /cursor is not from a page/)
  }
})

test('sorting by what a list does not sort by says what it does', () => {
  for (const sort of ['email', '-email', 'constructor', 'name;drop', '']) {
    assert.throws(
      () => keyset({ sort }, id, fields),
      error => error instanceof CloudError && error.code === 'invalid' && /id, name/.test(error.message),
      sort,
    )
  }
})

test('whatever is sent as a cursor, the answer is a page or a refusal', () => {
  const cursors = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.json().map(text => Buffer.from(text).toString('base64url')),
  )
  fc.assert(
    fc.property(cursors, cursor => {
      try {
        keyset({ cursor }, id, fields)
      } catch (error) {
        assert.ok(error instanceof CloudError && error.code === 'invalid', String(error))
      }
    }),
  )
})
