/**
 * What the controller costs, over a real PostgreSQL that syncs to disk and with hosts that obey at once: making instances
 * one by one and by the thousand, pages of long lists, and how long a change takes to reach who watches.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instance } from '../src/api/instance.ts'
import { startPostgres } from '../src/host/postgres.ts'
import { type TestCloud, testCloud } from '../test/support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas } from '../test/support/obedient-host.ts'

interface Figure {
  name: string
  value: number
  unit: string
}

export async function bench(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'croft-bench-'))
  const postgres = await startPostgres({
    data_dir: join(folder, 'data'),
    socket_dir: join(folder, 'run'),
    database: 'croft',
    die_with_parent: true,
  })
  const cloud = await testCloud({ database_url: postgres.url })
  try {
    return await measure(cloud)
  } finally {
    await cloud.close()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(cloud: TestCloud): Promise<Figure[]> {
  for (let n = 1; n <= 20; n++) await addHost(cloud, `h${n}`, { cpus: 2000, memory_mib: 4_000_000, pool_gib: 100_000 })
  await liftQuotas(cloud)
  const image_id = await addImage(cloud)
  const network_id = await addNetwork(cloud)
  const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
  const body = { name: 'b', flavor_id: String(flavors.body.items?.[0]?.id), image_id, networks: [{ network_id }] }
  const create = (count: number, prefer?: string) =>
    cloud.request('POST', '/v1/instances', { body: { ...body, count }, ...(prefer && { headers: { prefer } }) })
  const singles = await times(200, () => create(1))
  const to_running = await times(50, () => create(1, 'wait=30'))
  const batch = await times(5, () => create(1000))
  const batch_running = await times(1, () => create(1000, 'wait=120'))
  const list = await times(50, () => cloud.request('GET', '/v1/instances?limit=1000'))
  const far = await farPage(cloud)
  return [
    { name: 'api.create_p50', value: median(singles), unit: 'ms' },
    { name: 'api.create_to_running_p50', value: median(to_running), unit: 'ms' },
    { name: 'api.create_batch_rate', value: 1000 / (median(batch) / 1000), unit: '/s' },
    { name: 'api.create_batch_to_running', value: median(batch_running), unit: 'ms' },
    { name: 'api.list_1000_p50', value: median(list), unit: 'ms' },
    { name: 'api.far_page_ratio', value: far / median(list), unit: 'x' },
    { name: 'api.event_p50', value: await eventDelay(cloud), unit: 'ms' },
  ]
}

async function times(count: number, work: () => Promise<{ status: number; body: unknown }>): Promise<number[]> {
  const taken: number[] = []
  for (let n = 0; n < count; n++) {
    const from_ms = performance.now()
    const { status, body } = await work()
    taken.push(performance.now() - from_ms)
    if (status >= 300) throw new Error(`refused: ${JSON.stringify(body)}`)
  }
  return taken
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** The last page of the list, by its cursor: a page costs the same wherever it is. */
async function farPage(cloud: TestCloud): Promise<number> {
  let next: unknown
  let last = ''
  do {
    last = typeof next === 'string' ? `&cursor=${next}` : ''
    next = (await cloud.request('GET', `/v1/instances?limit=1000${last}`)).body.next
  } while (typeof next === 'string')
  return median(await times(50, () => cloud.request('GET', `/v1/instances?limit=1000${last}`)))
}

/** From sending a change to its event at a watcher of this controller. */
async function eventDelay(cloud: TestCloud): Promise<number> {
  const page = await cloud.request('GET', '/v1/instances?limit=50')
  const taken: number[] = []
  for (const { id } of (page.body.items ?? []) as unknown as Instance[]) {
    const heard = Promise.withResolvers<void>()
    const stop = cloud.cloud.events.watch(events => {
      if (events.some(one => one.resource_id === id)) heard.resolve()
    })
    const from_ms = performance.now()
    await cloud.request('PATCH', `/v1/instances/${id}`, { body: { tags: { seen: 'yes' } } })
    await heard.promise
    taken.push(performance.now() - from_ms)
    stop()
  }
  return median(taken)
}
