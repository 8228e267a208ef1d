/** A thing that was removed is known by what it was called. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameBefore, removedSuffix } from '../../../src/model/removed-name.ts'

test('what is put behind a name is read again, and nothing that only looks like it', () => {
  const id = '019a1b2c-0000-7000-8000-00000000abcd'
  for (const name of ['host-1', 'a (removed b)', '']) assert.equal(nameBefore(name + removedSuffix(id)), name)
  for (const name of ['host-1', 'rack (removed 2026)', `x (removed ${id}) y`]) assert.equal(nameBefore(name), null)
})
