/** The steps of a migration, over every phase, side and word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  carriedOf,
  type MigrationPhase,
  type MigrationSaid,
  type MigrationSide,
  migrationPhases,
  nextOf,
  percentOf,
  stepFor,
} from '../../../src/model/migration.ts'

const sides: readonly MigrationSide[] = ['source', 'target']
const words: readonly MigrationSaid['phase'][] = [
  'preparing',
  'ready',
  'sending',
  'switched',
  'failed',
  'cancelled',
  null,
]
const all = migrationPhases.flatMap(phase =>
  sides.flatMap(side =>
    words.flatMap(word => [false, true].map(absent => ({ phase, side, said: { phase: word, absent } }))),
  ),
)

test('the instance changes hosts only from sending, and only by the word that it has gone over', () => {
  for (const { phase, side, said } of all) {
    if (nextOf({ phase }, side, said) !== 'switch') continue
    assert.equal(phase, 'sending')
    assert.equal(said.phase, 'switched')
  }
})

test('while it is sent, only the source says that it stays', () => {
  for (const { phase, side, said } of all) {
    if (phase === 'sending' && nextOf({ phase }, side, said) === 'give-up') assert.equal(side, 'source')
  }
})

test('nothing ends before the host that is to be cleared says that it is', () => {
  for (const { phase, side, said } of all) {
    if (nextOf({ phase }, side, said) !== 'end') continue
    assert.ok(said.absent)
    assert.equal(side, phase === 'leaving' ? 'source' : 'target')
  }
})

test('nobody is told to clear what is theirs, and nobody to send what is not', () => {
  for (const phase of migrationPhases) {
    for (const cancel_asked of [false, true]) {
      const told = {
        source: stepFor({ phase, cancel_asked }, 'source'),
        target: stepFor({ phase, cancel_asked }, 'target'),
      }
      const belongs_to = phase === 'leaving' || phase === 'ended' ? 'target' : 'source'
      if (told.source === 'leave') assert.equal(belongs_to, 'target')
      if (told.target === 'discard') assert.equal(belongs_to, 'source')
      if (told.source === 'send') assert.ok(belongs_to === 'source' && !cancel_asked)
      assert.ok(!(told.source === 'leave' && told.target === 'discard'))
    }
  }
})

/** What a phase becomes; 'ask-cancel' and progress leave it as it is. */
const after = (phase: MigrationPhase, next: ReturnType<typeof nextOf>): MigrationPhase =>
  next === 'send'
    ? 'sending'
    : next === 'switch'
      ? 'leaving'
      : next === 'give-up'
        ? 'discarding'
        : next === 'end'
          ? 'ended'
          : phase

test('whatever is said in whatever order, it never goes back, and never from one outcome to the other', () => {
  const word = fc.record({
    side: fc.constantFrom(...sides),
    said: fc.record({ phase: fc.constantFrom(...words), absent: fc.boolean() }),
  })
  const rank: Record<MigrationPhase, number> = { preparing: 0, sending: 1, discarding: 2, leaving: 2, ended: 3 }
  fc.assert(
    fc.property(fc.array(word), said => {
      let phase: MigrationPhase = 'preparing'
      for (const one of said) {
        const next = after(phase, nextOf({ phase }, one.side, one.said))
        assert.ok(rank[next] > rank[phase] || next === phase)
        phase = next
      }
    }),
  )
})

test('how much has gone over is never all of it before it has', () => {
  assert.equal(percentOf(null), null)
  const none = { memory_total_bytes: 0, memory_left_bytes: 0, disk_total_bytes: 0, disk_left_bytes: 0 }
  assert.equal(percentOf(none), 0)
  assert.equal(percentOf({ ...none, memory_total_bytes: 100 }), 99)
  // A guest that changes its memory faster than it is sent has more left than it had.
  assert.equal(percentOf({ ...none, memory_total_bytes: 100, memory_left_bytes: 300 }), 0)
})

test('what a source asks and its target answers is carried while it is sent, each from its own side, and a new question drops the old answer', () => {
  const at = { phase: 'sending' as const, asks: null, never: null }
  const asked = { ...at, asks: 'a' }
  assert.deepEqual(carriedOf(at, 'source', { asks: 'a' }), { asks: 'a', never: null })
  assert.deepEqual(carriedOf(asked, 'target', { never: 'n' }), { asks: 'a', never: 'n' })
  assert.deepEqual(carriedOf({ ...asked, never: 'n' }, 'source', { asks: 'b' }), { asks: 'b', never: null })
  assert.deepEqual(carriedOf({ ...asked, never: 'n' }, 'target', { never: 'm' }), { asks: 'a', never: 'm' })
  // Nothing new; nothing that was asked; the other side's part; too early or too late.
  for (const nothing of [
    carriedOf(asked, 'source', { asks: 'a' }),
    carriedOf({ ...asked, never: 'n' }, 'target', { never: 'n' }),
    carriedOf(at, 'target', { never: 'n' }),
    carriedOf(at, 'target', { asks: 'a' }),
    carriedOf(asked, 'source', { never: 'n' }),
    carriedOf(asked, 'source', {}),
    ...migrationPhases.flatMap(phase =>
      phase === 'sending'
        ? []
        : [
            carriedOf({ ...asked, phase }, 'source', { asks: 'b' }),
            carriedOf({ ...asked, phase }, 'target', { never: 'n' }),
          ],
    ),
  ])
    assert.equal(nothing, null)
})
