/** Simulated clouds in longer trouble than there is time for with every change: as `npm run sim -- --seeds 60 --from 1001`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { RestoredRun } from '../../sim/restored.ts'
import { Run } from '../../sim/run.ts'

for (const [Kind, seeds] of [
  [Run, 60],
  [RestoredRun, 8],
] as const) {
  test(`${Kind.name}: every seed ends whole`, { timeout: 900_000 }, async () => {
    const engine = await Engine.open(new VirtualClock(0))
    for (let seed = 1001; seed < 1001 + seeds; seed++) {
      const { violations } = await new Kind(engine, { seed: String(seed), trouble_s: 90 }).run()
      assert.deepEqual(violations, [], `seed ${seed}`)
    }
    await engine.pglite.close()
  })
}
