/** Shapes: what comes in fits, or is refused with where and why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import Type from 'typebox'
import { closed, Name, nullable, oneOf, pageQuery, Uuid } from '../../../src/api/common.ts'
import { checkShape } from '../../../src/controller/http/validate.ts'
import { CloudError } from '../../../src/model/errors.ts'

const Body = closed({
  name: Name,
  size: Type.Integer({ minimum: 1, maximum: 10 }),
  kind: Type.Optional(oneOf(['a', 'b'])),
  note: Type.Optional(nullable(Type.String())),
  inner: Type.Optional(closed({ id: Uuid })),
})

function fault(value: unknown): { at: string; problem: string } {
  try {
    checkShape(Body, value, 'body')
  } catch (error) {
    assert.ok(error instanceof CloudError && error.code === 'invalid')
    const [first] = error.detail.faults as { at: string; problem: string }[]
    assert.ok(first, error.message)
    return first
  }
  return assert.fail(`taken: ${JSON.stringify(value)}`)
}

test('what fits is given back as it is', () => {
  for (const value of [
    { name: 'x', size: 1 },
    { name: 'x y', size: 10, kind: 'b', note: null },
  ]) {
    assert.deepEqual(checkShape(Body, value, 'body'), value)
  }
})

test('what does not fit is named', () => {
  assert.deepEqual(fault({ name: 'x' }), { at: '/size', problem: 'is missing' })
  assert.deepEqual(fault({ name: 'x', size: 1, 'm/o~re': 1 }), { at: '/m~1o~0re', problem: 'is not known here' })
  assert.deepEqual(fault({ name: 'x', size: 1, inner: {} }), { at: '/inner/id', problem: 'is missing' })
  assert.deepEqual(fault('x'), { at: '', problem: 'must be an object' })
  assert.equal(fault({ name: 'x', size: 11 }).at, '/size')
  assert.equal(fault({ name: '', size: 1 }).at, '/name')
  assert.equal(fault({ name: 'x', size: 1, kind: 'c' }).at, '/kind')
  assert.equal(fault({ name: 'x', size: 1, inner: { id: 'no' } }).at, '/inner/id')
  for (const value of [null, [], 'x', 5]) assert.ok(fault(value))
})

test('a body is not bent into shape: a number as text is not a number', () => {
  assert.equal(fault({ name: 'x', size: '1' }).at, '/size')
  assert.equal(fault({ name: 5, size: 1 }).at, '/name')
})

test('a query is text, and is read as what the route asks for', () => {
  const Query = closed(pageQuery)
  assert.deepEqual(checkShape(Query, { limit: '5', all_projects: 'true' }, 'query'), { limit: 5, all_projects: true })
  assert.deepEqual(checkShape(Query, {}, 'query'), { limit: 100 })
  for (const limit of ['0', '1001', 'x', '1.5']) {
    assert.throws(() => checkShape(Query, { limit }, 'query'), CloudError, limit)
  }
  assert.throws(
    () => checkShape(Query, { colour: 'red' }, 'query'),
    /: The query does not fit: colour is not known here\. Nothing/,
  )
})

test('the value that was sent is left alone', () => {
  const WithDefault = closed({ n: Type.Optional(Type.Integer({ default: 3 })) })
  const sent = {}
  assert.deepEqual(checkShape(WithDefault, sent, 'body'), { n: 3 })
  assert.deepEqual(sent, {})
})

test('whatever is sent, it is taken as it is or refused as invalid', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      try {
        assert.deepEqual(checkShape(Body, value, 'body'), value)
      } catch (error) {
        assert.ok(error instanceof CloudError && error.code === 'invalid', String(error))
      }
    }),
  )
})

test('of what may also be null, it is said what is wrong with it, and not that null is another choice', () => {
  const Limit = closed({ limit: nullable(Type.Integer({ minimum: 0 })), name: nullable(Type.String({ minLength: 2 })) })
  const faultsOf = (value: unknown) => {
    try {
      checkShape(Limit, value, 'body')
    } catch (error) {
      return (error as CloudError).detail.faults
    }
    return []
  }
  assert.deepEqual(faultsOf({ limit: -3, name: null }), [{ at: '/limit', problem: 'must be 0 or more' }])
  assert.deepEqual(faultsOf({ limit: null, name: 5 }), [{ at: '/name', problem: 'must be a text' }])
})

test('however much is wrong, what is told of it is bounded', () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`x${n}`, n]))
  assert.throws(
    () => checkShape(Body, many, 'body'),
    error => error instanceof CloudError && (error.detail.faults as unknown[]).length <= 20,
  )
})
