/** The state of an instance, over every combination of what is wanted and what is observed; and its moves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type InstanceMove,
  type InstanceObserved,
  type InstanceState,
  type InstanceWanted,
  instanceMoves,
  instanceState,
  instanceStates,
  mayMove,
  type ObservedPower,
} from '../../../src/model/instance.ts'

interface Situation {
  wanted: InstanceWanted
  observed: InstanceObserved | null
  answers: boolean
  moving: boolean
}

const powers: readonly ObservedPower[] = ['absent', 'running', 'stopped', 'paused', 'crashed']
const generation = 5

/** All there are: an older or newer generation differs in nothing but its order. */
const situations: Situation[] = (['running', 'stopped'] as const).flatMap(power =>
  [false, true].flatMap(deleted =>
    [false, true].flatMap(answers => {
      const wanted = { power, generation, deleted }
      const reports = powers.flatMap(seen =>
        [generation - 1, generation].flatMap(applied_generation =>
          [null, 'The disk is full.'].map(failure => ({ power: seen, applied_generation, failure })),
        ),
      )
      return [null, ...reports].flatMap(observed =>
        [false, true].map(moving => ({ wanted, observed, answers, moving })),
      )
    }),
  ),
)

const stateOf = ({ wanted, observed, answers, moving }: Situation) => instanceState(wanted, observed, answers, moving)
const moves = Object.keys(instanceMoves) as InstanceMove[]
/** Those in which something is under way. */
const passing: readonly InstanceState[] = ['starting', 'stopping', 'rebooting', 'deleting']

test('every situation has a state, and every state a situation', () => {
  assert.equal(situations.length, 2 * 2 * 2 * 2 * (1 + 5 * 2 * 2))
  const reached = new Set(situations.map(stateOf))
  assert.deepEqual([...reached].toSorted(), [...instanceStates].toSorted())
})

test('deleted is what is wanted deleted, whatever else', () => {
  for (const situation of situations) {
    const state = stateOf(situation)
    assert.equal(state === 'deleted' || state === 'deleting', situation.wanted.deleted, JSON.stringify(situation))
  }
})

test('unknown is not off: of a host that does not answer nothing is claimed', () => {
  for (const situation of situations.filter(one => !one.answers && !one.wanted.deleted)) {
    assert.equal(stateOf(situation), 'unknown', JSON.stringify(situation))
  }
})

test('running is shown only of what runs, and stopped only of what does not', () => {
  for (const situation of situations) {
    const state = stateOf(situation)
    const seen = situation.observed?.power
    if (state === 'running') assert.equal(seen, 'running')
    if (state === 'stopped' || state === 'deleted') assert.ok(seen !== 'running' && seen !== 'paused')
  }
})

test('it is shown as moving only where it would be running, paused or stopped, and then nothing can be done with it', () => {
  for (const situation of situations) {
    const [still, shown] = [stateOf({ ...situation, moving: false }), stateOf({ ...situation, moving: true })]
    if (shown !== still) assert.ok(shown === 'migrating' && ['running', 'paused', 'stopped'].includes(still))
  }
  for (const move of moves) assert.ok(!mayMove(move, 'migrating'), move)
})

test('a failure shows as an error only when it is of what is wanted now', () => {
  for (const { wanted, observed } of situations) {
    if (observed?.failure === null || observed === null || wanted.deleted) continue
    const old = observed.applied_generation < wanted.generation
    assert.equal(instanceState(wanted, observed, true) === 'error', !old, JSON.stringify({ wanted, observed }))
  }
})

test('nothing is under way once the host has done, or failed at, what is wanted', () => {
  for (const deleted of [false, true]) {
    for (const power of ['running', 'stopped'] as const) {
      const wanted = { power, generation, deleted }
      const done = { power: deleted ? 'stopped' : power, applied_generation: generation, failure: null } as const
      assert.ok(!passing.includes(instanceState(wanted, done, true)), JSON.stringify(wanted))
      const failed = { ...done, failure: 'No.' }
      assert.ok(!passing.includes(instanceState(wanted, failed, true)), JSON.stringify(wanted))
    }
  }
})

test('what only grows goes on running; what also starts, stops or reboots does not', () => {
  const wanted = { power: 'running' as const, generation, deleted: false }
  const seen = (applied_generation: number, power: ObservedPower = 'running') => ({
    power,
    applied_generation,
    failure: null,
  })
  const state = (grows_from: number | null, observed: InstanceObserved) =>
    instanceState({ ...wanted, grows_from }, observed, true)
  assert.equal(state(generation - 1, seen(generation - 1)), 'running')
  assert.equal(state(generation - 2, seen(generation - 2)), 'running', 'twice')
  assert.equal(state(generation - 1, seen(generation - 2)), 'rebooting', 'a reboot came before it')
  assert.equal(state(null, seen(generation - 1)), 'rebooting')
  assert.equal(state(generation - 1, seen(generation - 1, 'stopped')), 'starting')
  assert.equal(state(generation - 1, { ...seen(generation), failure: 'no memory' }), 'error')
})

test('the moves name states that are, each once, and a reason', () => {
  for (const move of moves) {
    const { from, why_not } = instanceMoves[move]
    assert.ok(from.length > 0, move)
    assert.equal(new Set(from).size, from.length, `${move} names a state twice`)
    for (const state of from) assert.ok(instanceStates.includes(state), `${move} from ${state}`)
    assert.match(why_not, /^[a-z].*[a-z]$/, `${move}: a part of a sentence`)
  }
})

test('no state is a dead end: each can be left, and everything can be deleted', () => {
  for (const state of instanceStates) {
    // That one ends by itself, or by cancelling the migration.
    if (state === 'migrating') continue
    assert.ok(
      moves.some(move => mayMove(move, state)),
      state,
    )
    assert.ok(mayMove('delete', state) || mayMove('purge', state), state)
  }
})

test('an error can be started, stopped, rebooted or deleted: it is no trap', () => {
  for (const move of ['start', 'stop', 'reboot', 'delete'] as const) assert.ok(mayMove(move, 'error'), move)
})

test('each move, carried out by a host, ends where it should', () => {
  const ends = { start: 'running', stop: 'stopped', reboot: 'running', delete: 'deleted', purge: 'deleted' } as const
  for (const situation of situations) {
    const from = stateOf(situation)
    for (const move of moves) {
      if (!mayMove(move, from)) continue
      const { wants } = instanceMoves[move]
      const deleted = wants === 'deleted'
      const power = wants === 'running' || wants === 'stopped' ? wants : situation.wanted.power
      const wanted = { power, generation: generation + 1, deleted }
      const report = { power: deleted ? 'stopped' : power, applied_generation: generation + 1, failure: null } as const
      const end = move === 'recover' ? power : ends[move]
      assert.equal(instanceState(wanted, report, true), end, `${move} from ${from}`)
    }
  }
})

test('what runs cannot be started, and what is stopped cannot be stopped', () => {
  assert.ok(!mayMove('start', 'running'))
  assert.ok(!mayMove('stop', 'stopped'))
  for (const move of moves) {
    const ends_deleted = instanceMoves[move].wants === 'deleted' || move === 'recover'
    if (!ends_deleted) assert.ok(!mayMove(move, 'deleted') && !mayMove(move, 'deleting'), move)
  }
})
