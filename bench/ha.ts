/**
 * Highly available instances after a power cut of their host, in virtual time: the real controllers and agents, simulated hosts, by lease
 * alone. What is measured is the sum of all waits and messages, and no processor's speed.
 */
import { VirtualClock } from '../sim/clock.ts'
import { Engine } from '../sim/database.ts'
import { LostHostsRun } from '../sim/lost-hosts.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'

export const figures: readonly FigureSpec[] = [{ name: 'ha.restart_p50', unit: 's', target: 60, better: 'less' }]

const seeds = 3

export async function run(context: BenchContext): Promise<void> {
  const engine = await Engine.open(new VirtualClock(0))
  try {
    const restarts_s: number[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const made = await new LostHostsRun(engine, { seed: `bench-${seed}`, losses: ['power', 'power'] }).run()
      if (made.violations.length > 0) throw new Error(made.violations.join('; '))
      restarts_s.push(...made.restarts_s)
    }
    context.report({ name: 'ha.restart_p50', value: median(restarts_s) })
  } finally {
    await engine.pglite.close()
  }
}
