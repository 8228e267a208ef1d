/**
 * Making and deleting instances. An instance counts as running, or gone, when the event stream shows it so: one reader
 * of all of the project's instance events, which costs the controller less than a request that waits, and is what the CLI's
 * --watch and the UI live from.
 */

import { Connection, mustBeGood } from './cloud/client.ts'
import { type BenchCloud, startCloud } from './cloud/cloud.ts'
import { spread, times } from './cloud/load.ts'
import { measure } from './cloud/meter.ts'
import { Arrivals, Watcher } from './cloud/watcher.ts'
import { type BenchContext, type FigureSpec, median, quantile } from './figures.ts'

export const figures: readonly FigureSpec[] = [
  { name: 'boot.rate', unit: '/s', target: 500, better: 'more' },
  { name: 'boot.p50', unit: 'ms', target: 20, better: 'less' },
  { name: 'boot.batch_rate', unit: '/s', target: 2000, better: 'more' },
  { name: 'delete.rate', unit: '/s', target: 500, better: 'more' },
]

const at_once = 16
/** As many as fit into this time, but no more: a figure takes as long on a slow machine as on a fast one. */
const most = { count: 5000, within_ms: 8000 }

export async function run(context: BenchContext): Promise<void> {
  const { profile_dir, statements } = context
  const cloud = await startCloud({ statements, inspect: profile_dir !== null })
  try {
    const arrivals = new Arrivals()
    const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
    const connections = await Promise.all(Array.from({ length: at_once }, () => cloud.open()))
    await measureAll(context, { cloud, arrivals, connections })
    watcher.close()
    for (const connection of connections) connection.close()
  } finally {
    await cloud.close()
  }
}

interface Bed {
  cloud: BenchCloud
  arrivals: Arrivals
  connections: Connection[]
}

async function measureAll(context: BenchContext, bed: Bed): Promise<void> {
  const { cloud } = bed
  const made: string[] = []
  const one = async (_: number, worker: number) => {
    const id = await create(bed, worker)
    await bed.arrivals.when(id, 'running')
    made.push(id)
  }
  // What a program does for the first time says nothing of the rest: compiled code, planned statements, connections.
  await spread({ count: 500, within_ms: 4000 }, at_once, one)
  if (context.wants('boot.rate')) {
    const { rate } = await measure(context, cloud, 'boot.rate', () => spread(most, at_once, one))
    context.report({ name: 'boot.rate', value: rate })
  }
  if (context.wants('boot.p50')) {
    let taken: number[] = []
    await measure(context, cloud, 'boot.p50', async () => {
      taken = await times(200, n => one(n, 0))
      return taken.length
    })
    context.note(`# boot.p50: p90 ${quantile(taken, 0.9).toFixed(1)} ms, p99 ${quantile(taken, 0.99).toFixed(1)} ms`)
    context.report({ name: 'boot.p50', value: median(taken) })
  }
  if (context.wants('boot.batch_rate')) {
    await batch(bed)
    const rounds: number[] = []
    await measure(context, cloud, 'boot.batch_rate', async () => {
      rounds.push(...(await times(5, () => batch(bed))))
      return 5000
    })
    context.report({ name: 'boot.batch_rate', value: 1000 / (median(rounds) / 1000) })
  }
  if (context.wants('delete.rate')) await measureDelete(context, bed, made)
}

async function measureDelete(context: BenchContext, bed: Bed, made: string[]): Promise<void> {
  while (made.length < 2000) for (const id of await batch(bed)) made.push(id)
  const next = async (_: number, worker: number) => {
    const id = made.pop() ?? ''
    const answer = await bed.connections[worker]?.request('DELETE', `/v1/instances/${id}?purge=true`)
    if (answer) mustBeGood(answer, 'delete')
    await bed.arrivals.when(id, 'gone')
  }
  await spread({ count: 200, within_ms: 4000 }, at_once, next)
  const { rate } = await measure(context, bed.cloud, 'delete.rate', () =>
    spread({ ...most, count: made.length }, at_once, next),
  )
  context.report({ name: 'delete.rate', value: rate })
}

async function create({ cloud, connections }: Bed, worker: number): Promise<string> {
  const answer = await connections[worker]?.request(
    'POST',
    '/v1/instances',
    JSON.stringify({ name: 'one', ...cloud.instance }),
  )
  if (!answer) throw new Error(`there is no connection ${worker}`)
  mustBeGood(answer, 'create')
  // The first id of the answer is the instance's.
  return /"id":"([0-9a-f-]{36})"/.exec(answer.body.toString('latin1', 0, 200))?.[1] ?? ''
}

/** A thousand in one request, until all of them are seen running. */
async function batch({ cloud, connections: [connection], arrivals }: Bed): Promise<string[]> {
  const asked = { name: 'many', count: 1000, ...cloud.instance }
  const { items } = (await connection?.json<{ items: { id: string }[] }>('POST', '/v1/instances', asked)) ?? {}
  const ids = (items ?? []).map(({ id }) => id)
  await Promise.all(ids.map(id => arrivals.when(id, 'running')))
  return ids
}
