/**
 * Highly available instances after a power cut of their host, in virtual time: the real controllers and agents, simulated hosts, by lease
 * alone, and with management controllers that answer. What is measured is the sum of all waits and messages, and no processor's speed.
 */
import { VirtualClock } from '../sim/clock.ts'
import { Engine } from '../sim/database.ts'
import { LostHostsRun } from '../sim/lost-hosts.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'

export const figures: readonly FigureSpec[] = [
  { name: 'ha.restart_p50', unit: 's', target: 60, better: 'less' },
  { name: 'ha.restart_fenced_p50', unit: 's', target: 25, better: 'less' },
]

const seeds = 3

export async function run(context: BenchContext): Promise<void> {
  const engine = await Engine.open(new VirtualClock(0))
  try {
    context.report({ name: 'ha.restart_p50', value: median(await restarts_s(engine, false)) })
    context.report({ name: 'ha.restart_fenced_p50', value: median(await restarts_s(engine, true)) })
  } finally {
    await engine.pglite.close()
  }
}

/** From each power cut until all of the host's instances run elsewhere, seconds. */
async function restarts_s(engine: Engine, fenced: boolean): Promise<number[]> {
  const all: number[] = []
  for (let seed = 1; seed <= seeds; seed++) {
    const made = await new LostHostsRun(engine, { seed: `bench-${seed}`, losses: ['power', 'power'], fenced }).run()
    if (made.violations.length > 0) throw new Error(made.violations.join('; '))
    all.push(...made.restarts_s)
  }
  return all
}
