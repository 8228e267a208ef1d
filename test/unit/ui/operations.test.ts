/** What this tab has started: of several things at once each by itself, whichever is heard first, the answer or the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '../../../src/api/event.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { hasEnded, isAtWork, Operations, operations, type Part, whyNotDone } from '../../../src/ui/shell/operations.ts'

const operation = (id: string, changes: Partial<Operation> = {}) =>
  ({ id, state: 'running', ended_at: null, reason: null, ...changes }) as Operation
const ended = (id: string, state: Operation['state'], reason: string | null = null) =>
  operation(id, { state, reason, ended_at: '2026-01-01T00:00:00Z' })
const told = (one: Operation) => ({ noun: 'operation', resource_id: one.id, resource: one }) as Event
const asked = (label: string, of: Operation | null, refused?: string): Part => ({
  ...{ label, asked: true, operation: of },
  ...(refused !== undefined && { refused }),
})

test('of several things each ends by itself; what is refused or left out has its reason', () => {
  const parts = ['a', 'b', 'c'].map(label => ({ label, asked: false, operation: null }))
  const notice = operations.several('Start', [...parts, asked('d', null, 'It is running.')])
  const now = () => operations.snapshot()[0]?.parts ?? []
  assert.deepEqual(now().map(hasEnded), [false, false, false, true])
  // Its end is heard before the answer that names it.
  operations.hear([told(ended('1', 'failed', 'the disk is broken'))])
  notice.set(0, asked('a', operation('1')))
  notice.set(1, asked('b', operation('2')))
  notice.set(2, asked('c', null))
  assert.deepEqual(now().map(hasEnded), [true, false, true, true])
  assert.ok(isAtWork(operations.snapshot()[0] as never))
  operations.clear()
  operations.hear([told(ended('2', 'succeeded'))])
  assert.deepEqual(
    now().map(one => whyNotDone(one)?.why ?? null),
    ['the disk is broken', null, null, 'It is running.'],
  )
  assert.ok(!isAtWork(operations.snapshot()[0] as never))
  operations.clear()
  assert.deepEqual(operations.snapshot(), [])
})

test('after a gap those that were open are read again, and only those', async () => {
  const all = new Operations()
  all.started('one', operation('one'))
  all.started('two', ended('two', 'succeeded'))
  all.started('elsewhere', operation('elsewhere'))
  const read: string[] = []
  await all.catchUp(async id => {
    read.push(id)
    if (id === 'elsewhere') throw new Error('There is no such operation.')
    return ended(id, 'failed', 'Meanwhile.')
  })
  // One that cannot be read, as of another project, keeps no other from being looked at.
  assert.deepEqual(read.toSorted(), ['elsewhere', 'one'])
  assert.equal(all.snapshot().filter(isAtWork).length, 1)
})

test('another person sees nothing of it; the same one does, wherever they work', () => {
  const all = new Operations()
  all.belongTo('ann')
  all.said('Delete: secret-plan', { variant: 'success' })
  all.belongTo('ann')
  assert.equal(all.snapshot().length, 1)
  all.belongTo('ben')
  assert.equal(all.snapshot().length, 0)
})
