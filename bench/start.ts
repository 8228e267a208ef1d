/** How long a controller takes to be there: from starting its process to the first page of instances, a thousand known. */

import { Connection, mustBeGood } from './cloud/client.ts'
import { startCloud } from './cloud/cloud.ts'
import { startController } from './cloud/controller.ts'
import { times } from './cloud/load.ts'
import { Arrivals, Watcher } from './cloud/watcher.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'

export const figures: readonly FigureSpec[] = [{ name: 'start.ready', unit: 'ms', target: 1500, better: 'less' }]

export async function run(context: BenchContext): Promise<void> {
  const cloud = await startCloud()
  try {
    const arrivals = new Arrivals()
    const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
    const connection = await cloud.open()
    const asked = { name: 'known', count: 1000, ...cloud.instance }
    const { items } = await connection.json<{ items: { id: string }[] }>('POST', '/v1/instances', asked)
    await Promise.all(items.map(({ id }) => arrivals.when(id, 'running')))
    watcher.close()
    connection.close()
    await cloud.hosts.end()
    await cloud.controller.stop()
    const taken: number[] = []
    for (let n = 0; n < 5; n++) taken.push(await startOnce(cloud.database_url, cloud.state, cloud.token))
    context.note(`# start.ready: ${taken.map(Math.round).join(', ')} ms`)
    context.report({ name: 'start.ready', value: median(taken) })
  } finally {
    await cloud.close()
  }
}

async function startOnce(database_url: string, state: string, token: string): Promise<number> {
  let stop = (): Promise<void> => Promise.resolve()
  const [taken = Number.NaN] = await times(1, async () => {
    const controller = await startController({ database_url, state })
    stop = controller.stop
    const connection = await Connection.open(controller.url, token)
    mustBeGood(await connection.request('GET', '/v1/instances'), 'the first page')
    connection.close()
  })
  await stop()
  return taken
}
