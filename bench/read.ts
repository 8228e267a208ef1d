/** Reading instances: a page of a thousand with all details, and one. */

import { mustBeGood } from './cloud/client.ts'
import { type BenchCloud, startCloud } from './cloud/cloud.ts'
import { spread, times } from './cloud/load.ts'
import { measure } from './cloud/meter.ts'
import { Arrivals, Watcher } from './cloud/watcher.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'

export const figures: readonly FigureSpec[] = [
  { name: 'list.p50', unit: 'ms', target: 15, better: 'less' },
  { name: 'get.p50', unit: 'ms', target: 1.5, better: 'less' },
  { name: 'get.rate', unit: '/s', target: 3000, better: 'more' },
  { name: 'list.p50_at_100k', unit: 'ms', target: 15, better: 'less' },
]

const at_once = 8

export async function run(context: BenchContext): Promise<void> {
  const cloud = await startCloud({ statements: context.statements, inspect: context.profile_dir !== null })
  try {
    const ids = await fill(cloud, 1)
    if (context.wants('list.p50')) await list(context, cloud, 'list.p50')
    if (context.wants('get.')) await get(context, cloud, ids)
    if (context.wants('list.p50_at_100k')) {
      await fill(cloud, 99)
      await list(context, cloud, 'list.p50_at_100k')
    }
  } finally {
    await cloud.close()
  }
}

/** So many thousand instances by the API, all running when it resolves. */
async function fill(cloud: BenchCloud, thousands: number): Promise<string[]> {
  const arrivals = new Arrivals()
  const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
  const connection = await cloud.open()
  const ids: string[] = []
  for (let n = 0; n < thousands; n++) {
    const asked = { name: `page-${n}`, count: 1000, ...cloud.instance }
    const { items } = await connection.json<{ items: { id: string }[] }>('POST', '/v1/instances', asked)
    await Promise.all(items.map(({ id }) => arrivals.when(id, 'running')))
    ids.push(...items.map(({ id }) => id))
  }
  watcher.close()
  connection.close()
  return ids
}

async function list(context: BenchContext, cloud: BenchCloud, name: string): Promise<void> {
  const connection = await cloud.open()
  const page = async () => mustBeGood(await connection.request('GET', '/v1/instances?limit=1000'), 'list')
  const { items } = await connection.json<{ items: unknown[] }>('GET', '/v1/instances?limit=1000')
  if (items.length !== 1000) throw new Error(`a page has ${items.length} instances`)
  await times(30, page)
  let taken: number[] = []
  await measure(context, cloud, name, async () => {
    taken = await times(100, page)
    return taken.length
  })
  context.report({ name, value: median(taken) })
  connection.close()
}

async function get(context: BenchContext, cloud: BenchCloud, ids: readonly string[]): Promise<void> {
  const connections = await Promise.all(Array.from({ length: at_once }, () => cloud.open()))
  const one = async (n: number, worker: number) => {
    const answer = await connections[worker]?.request('GET', `/v1/instances/${ids[(n * 7) % ids.length]}`)
    if (answer) mustBeGood(answer, 'get')
  }
  await spread({ count: 2000 }, at_once, one)
  if (context.wants('get.p50')) {
    let taken: number[] = []
    await measure(context, cloud, 'get.p50', async () => {
      taken = await times(1000, n => one(n, 0))
      return taken.length
    })
    context.report({ name: 'get.p50', value: median(taken) })
  }
  if (context.wants('get.rate')) {
    const most = { count: 15_000, within_ms: 10_000 }
    const { rate } = await measure(context, cloud, 'get.rate', () => spread(most, at_once, one))
    context.report({ name: 'get.rate', value: rate })
  }
  for (const connection of connections) connection.close()
}
