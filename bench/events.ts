/**
 * Events delivered to a hundred watchers: a thousand instances made in one request, which is the most that can happen at
 * once, until every watcher has had every event of every one of them; and how long one change takes to reach a watcher.
 */
import { type BenchCloud, startCloud } from './cloud/cloud.ts'
import { EventCounter } from './cloud/event-counter.ts'
import { times } from './cloud/load.ts'
import { measure } from './cloud/meter.ts'
import { Arrivals, Watcher } from './cloud/watcher.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'

export const figures: readonly FigureSpec[] = [
  { name: 'events.rate', unit: '/s', target: 20_000, better: 'more' },
  { name: 'events.delay_p50', unit: 'ms', better: 'less' },
]

const watchers = 100

export async function run(context: BenchContext): Promise<void> {
  const cloud = await startCloud({ statements: context.statements, inspect: context.profile_dir !== null })
  try {
    if (context.wants('events.delay_p50')) context.report({ name: 'events.delay_p50', value: await delay(cloud) })
    if (context.wants('events.rate')) await rate(context, cloud)
  } finally {
    await cloud.close()
  }
}

async function rate(context: BenchContext, cloud: BenchCloud): Promise<void> {
  const arrivals = new Arrivals()
  const first = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
  const others: EventCounter[] = []
  for (let n = 1; n < watchers; n++) others.push(await EventCounter.open(cloud.url, cloud.token, 'noun=instance'))
  const connection = await cloud.open()
  const round = async (count: number) => {
    const before = first.events
    const asked = { name: 'seen', count, ...cloud.instance }
    const { items } = await connection.json<{ items: { id: string }[] }>('POST', '/v1/instances', asked)
    await Promise.all(items.map(({ id }) => arrivals.when(id, 'running')))
    // All hear the same, so who has had as many has had all.
    await Promise.all(others.map(one => one.reached(first.events)))
    return (first.events - before) * watchers
  }
  await round(200)
  const { rate: value } = await measure(context, cloud, 'events.rate', () => round(1000))
  context.report({ name: 'events.rate', value })
  for (const one of [first, ...others]) one.close()
  connection.close()
}

/** From sending a change to its event. */
async function delay(cloud: BenchCloud): Promise<number> {
  const connection = await cloud.open()
  let heard = Promise.withResolvers<void>()
  const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=network', () => heard.resolve())
  const [network] = cloud.instance.networks
  const taken = await times(100, async n => {
    heard = Promise.withResolvers<void>()
    await connection.json('PATCH', `/v1/networks/${network?.network_id}`, { name: `bench-${n}` })
    await heard.promise
  })
  watcher.close()
  connection.close()
  return median(taken)
}
