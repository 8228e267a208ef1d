/**
 * Measures one stretch of work: how long it took, and for --verbose the CPU time that controller, PostgreSQL, hosts and load
 * spent on each operation, which holds still when a busy machine makes the rest noisy. With --profile, a CPU profile of the
 * controller over just this stretch; with --statements, what PostgreSQL ran.
 */
import { join } from 'node:path'
import type { BenchContext } from '../figures.ts'
import type { BenchCloud } from './cloud.ts'
import { cpuOfTree } from './proc.ts'
import { profiled } from './profile.ts'

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
  const { inspector } = cloud.controller
  const profile =
    context.profile_dir && inspector
      ? await profiled(inspector, join(context.profile_dir, `${name}.cpuprofile`), timed)
      : await timed().then((): string[] => [])
  const after = await cpuTimes(cloud)
  const costs = after.map(({ part, cpu_ms }, at) => {
    const spent_ms = cpu_ms - (before[at]?.cpu_ms ?? 0)
    return `${part} ${(spent_ms / count).toFixed(3)} ms`
  })
  context.note(`# ${name}: ${count} in ${Math.round(elapsed_ms)} ms; CPU for each: ${costs.join(', ')}`)
  for (const text of profile) console.error(text)
  if (cloud.statements) for (const text of await cloud.statements.top(count)) console.error(text)
  return { count, elapsed_ms, rate: count / (elapsed_ms / 1000) }
}

async function cpuTimes({ pids }: BenchCloud): Promise<{ part: string; cpu_ms: number }[]> {
  const parts = Object.entries({ controller: pids.controller, postgres: pids.postgres, hosts: pids.hosts })
  const times = await Promise.all(
    parts.map(async ([part, pid]) => ({ part, cpu_ms: pid === null ? 0 : await cpuOfTree(pid) })),
  )
  // This process is the parent of all others, so its own time alone.
  const { user, system } = process.cpuUsage()
  return [...times, { part: 'load', cpu_ms: (user + system) / 1000 }]
}
