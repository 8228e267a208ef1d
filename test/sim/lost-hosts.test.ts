/** Hosts with highly available instances lost in virtual time: all run elsewhere in time, and never twice. More: test/slow/seeds.test.ts. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { LostHostsRun } from '../../sim/lost-hosts.ts'

let engine: Engine
before(async () => {
  engine = await Engine.open(new VirtualClock(0))
})
after(() => engine.pglite.close())

test('power cuts: all its instances run elsewhere within a minute, by lease', async () => {
  const { violations, restarts_s } = await new LostHostsRun(engine, {
    seed: 'power-1',
    losses: ['power', 'power'],
  }).run()
  assert.deepEqual(violations, [])
  assert.equal(restarts_s.length, 2)
  for (const took_s of restarts_s) assert.ok(took_s < 60, `it took ${took_s} s`)
})

test('hosts that lose their power, or are cut off and fenced, with management controllers that answer: all runs elsewhere within 25 s', async () => {
  const losses = ['power', 'power', 'power', 'network'] as const
  const { violations, restarts_s } = await new LostHostsRun(engine, { seed: 'fenced-1', losses, fenced: true }).run()
  assert.deepEqual(violations, [])
  assert.equal(restarts_s.length, losses.length)
  for (const took_s of restarts_s) assert.ok(took_s < 25, `it took ${took_s} s`)
})

test('what is not highly available is evacuated by hand, while its host is on again and cut off: all runs elsewhere, and never twice', async () => {
  const { violations } = await new LostHostsRun(engine, {
    seed: 'by-hand-1',
    losses: ['power', 'power'],
    by_hand: true,
  }).run()
  assert.deepEqual(violations, [])
})
