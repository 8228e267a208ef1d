/**
 * Clouds whose database is replaced by an older copy of it while hosts go on and instances move. A failing seed is replayed by
 * `npm run sim -- --restored --seed restored-N --trouble 4`, an even one with `--trouble 8 --shared`. More of them: test/slow/seeds.test.ts.
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

test('an older database loses nothing, tells no lies, and can be settled', async () => {
  let settled = 0
  for (const seed of [3, 4]) {
    // The longer one has a pool that the hosts share, in which a guest could run twice on one disk.
    const options = { seed: `restored-${seed}`, trouble_s: seed % 2 === 0 ? 8 : 4, highly_available: seed % 2 === 0 }
    const { violations, counts } = await new RestoredRun(engine, options).run()
    assert.deepEqual(violations, [], `seed restored-${seed}`)
    settled += Object.keys(counts).filter(what => / settled by /.test(what) && !/ 0 settled/.test(what)).length
  }
  assert.ok(settled > 0, 'no host knew anything that the database did not')
})
