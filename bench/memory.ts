/**
 * What the parts hold in memory while nothing happens: proportional set size, so that what processes share is counted once,
 * in parts. Controller and PostgreSQL with a hundred hosts linked; the agent on a host that `croft up` made, without guests.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Role } from '../src/host/packages.ts'
import { startCloud } from './cloud/cloud.ts'
import { pssOfTree } from './cloud/proc.ts'
import { type BenchContext, type FigureSpec } from './figures.ts'
import { startLabHost } from './lab/host.ts'

export const packages_of: readonly Role[] = ['controller', 'host', 'image']

export const figures: readonly FigureSpec[] = [
  { name: 'mem.controller', unit: 'MiB', target: 150, better: 'less' },
  { name: 'mem.postgres', unit: 'MiB', target: 80, better: 'less' },
  { name: 'mem.agent', unit: 'MiB', target: 90, better: 'less' },
]

/** Idle is what comes after all that starts has been done: connections closed for lack of use, timers gone by. */
const settle_ms = 20_000

export async function run(context: BenchContext): Promise<void> {
  if (context.wants('mem.controller') || context.wants('mem.postgres')) {
    const cloud = await startCloud()
    try {
      await delay(settle_ms)
      context.report({ name: 'mem.controller', value: await pssOfTree(cloud.pids.controller) })
      context.report({ name: 'mem.postgres', value: await pssOfTree(cloud.pids.postgres) })
    } finally {
      await cloud.close()
    }
  }
  if (!context.wants('mem.agent')) return
  await using lab = await startLabHost()
  await delay(settle_ms)
  const pid = (await lab.services()).get('croft-agent') ?? Number.NaN
  context.report({ name: 'mem.agent', value: await pssOfTree(pid, lab.host.path('/proc')) })
}
