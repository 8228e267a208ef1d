/**
 * Clouds whose database is replaced by an older copy of it while hosts go on. A failing seed is replayed by
 * `npm run sim -- --restored --seed N`.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { RestoredRun } from '../../sim/restored.ts'

let engine: Engine
before(async () => {
  engine = await Engine.open(new VirtualClock(0))
})
after(() => engine.pglite.close())

test('an older database loses nothing, tells no lies, and can be settled', { timeout: 600_000 }, async () => {
  let settled = 0
  for (let seed = 1; seed <= 6; seed++) {
    const { violations, counts } = await new RestoredRun(engine, { seed: `restored-${seed}`, trouble_s: 30 }).run()
    assert.deepEqual(violations, [], `seed restored-${seed}`)
    settled += Object.keys(counts).filter(what => / settled by /.test(what) && !/ 0 settled/.test(what)).length
  }
  assert.ok(settled > 0, 'no host knew anything that the database did not')
})
