/**
 * Measures one stretch of work: how long it took, and for --verbose the CPU time that controller, PostgreSQL, hosts and load
 * spent on each operation, which holds still when a busy machine makes the rest noisy. With --profile, a CPU profile of the
 * controller over just this stretch; with --statements, what PostgreSQL ran.
 */
import { join } from 'node:path'
import type { BenchContext } from '../figures.ts'
import type { BenchCloud } from './cloud.ts'
import { cpuOfTrees } from './proc.ts'
import { profiled } from './profile.ts'

/** Does `work`, with a CPU profile of a process where profiles are asked for and it has an inspector. */
export async function profiledAs(
  { profile_dir }: BenchContext,
  inspector: string | null,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  if (profile_dir === null || inspector === null) return await work()
  for (const text of await profiled(inspector, join(profile_dir, `${name}.cpuprofile`), work)) console.error(text)
}

export interface Measured {
  count: number
  elapsed_ms: number
  /** Operations a second. */
  rate: number
}

/** Runs `work`, which resolves with how many operations it did. */
export async function measure(
  context: BenchContext,
  cloud: BenchCloud,
  name: string,
  work: () => Promise<number>,
): Promise<Measured> {
  await cloud.statements?.reset()
  const before = await cpuTimes(cloud)
  let elapsed_ms = 0
  let count = 0
  const timed = async () => {
    const from_ms = performance.now()
    count = await work()
    elapsed_ms = performance.now() - from_ms
  }
  await profiledAs(context, cloud.controller.inspector, name, timed)
  const after = await cpuTimes(cloud)
  const costs = after.map(({ part, cpu_ms }, at) => {
    const spent_ms = cpu_ms - (before[at]?.cpu_ms ?? 0)
    return `${part} ${(spent_ms / count).toFixed(3)} ms`
  })
  context.note(`# ${name}: ${count} in ${Math.round(elapsed_ms)} ms; CPU for each: ${costs.join(', ')}`)
  if (cloud.statements) for (const text of await cloud.statements.top(count)) console.error(text)
  return { count, elapsed_ms, rate: count / (elapsed_ms / 1000) }
}

async function cpuTimes({ pids }: BenchCloud): Promise<{ part: string; cpu_ms: number }[]> {
  const parts = Object.entries({ controller: pids.controller, postgres: pids.postgres, hosts: pids.hosts })
  const times = await Promise.all(parts.map(async ([part, pid]) => ({ part, cpu_ms: await cpuOfTrees([pid].flat()) })))
  // This process is the parent of all others, so its own time alone.
  const { user, system } = process.cpuUsage()
  return [...times, { part: 'load', cpu_ms: (user + system) / 1000 }]
}
