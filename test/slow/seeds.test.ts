/** Simulated clouds in longer trouble than there is time for with every change: as `npm run sim -- --seeds 45 --from 1001`, and with `--shared`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { LostHostsRun } from '../../sim/lost-hosts.ts'
import { RestoredRun } from '../../sim/restored.ts'
import { Run } from '../../sim/run.ts'

for (const [Kind, seeds, highly_available] of [
  [Run, 45, false],
  [Run, 15, true],
  [RestoredRun, 8, false],
  [RestoredRun, 8, true],
] as const) {
  const pool = highly_available ? ', with a shared pool' : ''
  test(`${Kind.name}${pool}: every seed ends whole`, { timeout: 1_800_000 }, async () => {
    const engine = await Engine.open(new VirtualClock(0))
    for (let seed = 1001; seed < 1001 + seeds; seed++) {
      const { violations } = await new Kind(engine, { seed: String(seed), trouble_s: 90, highly_available }).run()
      assert.deepEqual(violations, [], `seed ${seed}`)
    }
    await engine.pglite.close()
  })
}

test('networks, agents and controllers die as well, and nothing ever runs twice', { timeout: 600_000 }, async () => {
  const engine = await Engine.open(new VirtualClock(0))
  const losses = ['network', 'agent and power', 'network'] as const
  const { violations } = await new LostHostsRun(engine, { seed: 'all-1', losses, kill_controllers: true }).run()
  assert.deepEqual(violations, [])
  await engine.pglite.close()
})
