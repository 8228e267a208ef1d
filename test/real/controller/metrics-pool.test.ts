/** Metrics of pools: by the word of one host of those that have it, so that a shared pool counts once; who may see them. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type MetricsNow, metricsRoutes } from '../../../src/api/metrics.ts'
import { type Clock, realClock } from '../../../src/lib/clock.ts'
import { readEventStream } from '../../../src/sdk/event-stream.ts'
import { simulatedSamples } from '../../../sim/samples.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

const pool_id = randomUUID()
const size_bytes = 4096
/** Of a point, so that what is measured within the same seconds is of one. */
const now_ms = Math.floor(Date.now() / 10_000) * 10_000 - 10_000

let cloud: TestCloud
let s1: ObedientHost
let s2: ObedientHost
/** Of a member of the project. */
let member: string

/** As if it were then: what the pool's file system says is what the host saw. */
async function measure(host: ObedientHost, at_ms: number, used_bytes: number): Promise<void> {
  const parts = Reflect.get(cloud.cloud.metrics, 'parts') as { clock: Clock }
  const { clock } = parts
  parts.clock = { ...realClock, now_ms: () => at_ms }
  const size = { cpus: 8, memory_mib: 1000 }
  const sampled = await simulatedSamples(host.name, realClock, { running: () => [] }, size).host()
  const own = { ...sampled, pools: [{ name: 'local', used_bytes, size_bytes }] }
  await host.measure({ taken_ms: at_ms, host: own, instances: [] })
  parts.clock = clock
}

const latest = async () => {
  const { resources } = await cloud.call(metricsRoutes.latest, { query: { resource: [pool_id] } })
  assert.deepEqual(
    resources.map(one => [one.resource_id, one.kind, one.name]),
    [[pool_id, 'pool', 's1, s2']],
  )
  return Object.fromEntries(resources[0]?.values.map(one => [one.name, one.value]) ?? [])
}

/** What there is of how much was used, of the last minutes. */
const used = async () => {
  const from = new Date(now_ms - 300_000).toISOString()
  const { resources, step_s } = await cloud.call(metricsRoutes.get, { query: { resource: [pool_id], from } })
  assert.equal(step_s, 10)
  assert.deepEqual(
    resources.map(one => one.series.map(series => [series.name, series.device])),
    [
      [
        ['pool_used_bytes', null],
        ['pool_size_bytes', null],
      ],
    ],
  )
  return resources[0]?.series[0]?.mean.filter(value => value !== null)
}

const scrape = async () => {
  const headers = { authorization: `Bearer ${cloud.admin}` }
  return (await cloud.server.inject({ url: '/v1/metrics/prometheus', headers })).body
}

describe('controller/metrics of pools', () => {
  before(async () => {
    cloud = await testCloud()
    s1 = await addHost(cloud, 's1', { pool_id })
    s2 = await addHost(cloud, 's2', { pool_id })
    const { project_id, domain_id } = cloud
    const user = await cloud.request('POST', '/v1/users', { body: { name: 'member', domain_id } })
    const user_id = String(user.body.id)
    const grant = { user_id, role: 'member', scope: 'project', project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    member = await cloud.tokenOf(user_id, project_id)
  })
  after(() => cloud.close())

  test('a pool that nothing was measured of has no values, and is there', async () => {
    assert.deepEqual(await latest(), {})
    assert.match(await scrape(), new RegExp(`^croft_pool_measured\\{pool_id="${pool_id}",pool="s1, s2"\\} 0$`, 'm'))
  })

  test('two hosts that share it count once: the newest word; gaps of its history are filled by the other', async () => {
    await measure(s1, now_ms - 120_000, 10)
    await measure(s1, now_ms - 60_000, 20)
    await measure(s2, now_ms - 50_000, 30)
    await measure(s1, now_ms - 20_000, 40)
    await measure(s1, now_ms + 1, 50)
    await measure(s2, now_ms + 2, 60)
    assert.deepEqual(await latest(), { pool_used_bytes: 60, pool_size_bytes: size_bytes })
    assert.deepEqual(await used(), [10, 20, 30, 40, 60])
    const text = await scrape()
    assert.deepEqual(text.match(/^croft_pool_used_bytes.*$/gm), [
      `croft_pool_used_bytes{pool_id="${pool_id}",pool="s1, s2"} 60`,
    ])
    assert.equal(text.match(/^croft_host_pool_used_bytes\{.*pool="local"\} [56]0$/gm)?.length, 2)
    // Written, it is the same.
    await cloud.cloud.metrics.flush()
    assert.deepEqual(await used(), [10, 20, 30, 40, 60])
  })

  test('what is on its way to the database is told all the time, and once', async () => {
    const host = await addHost(cloud, 's3', { pool_id: randomUUID() })
    const minute_ms = Math.floor(now_ms / 60_000) * 60_000
    const old_ms = minute_ms - 7_200_000
    const told = async () => {
      const [from, to] = [old_ms, minute_ms].map(at_ms => new Date(at_ms).toISOString())
      const names = ['pool_used_bytes' as const]
      const asked = { resource: [host.id], from, to, step_s: 60, names }
      const { resources } = await cloud.call(metricsRoutes.get, { query: asked })
      return resources[0]?.series[0]?.mean.filter(value => value !== null)
    }
    const { db } = cloud.cloud.database
    const { metrics } = cloud.cloud
    // Its series and the places are known from here on: nothing but blocks is written.
    await measure(host, minute_ms - 240_000, 1)
    await metrics.flush()
    await db.transaction().execute(async tx => {
      await sql`lock table metric_block in share mode`.execute(tx)
      await measure(host, minute_ms - 180_000, 2)
      await measure(host, minute_ms - 170_000, 4)
      await measure(host, minute_ms - 120_000, 5)
      await measure(host, minute_ms - 60_000, 6)
      assert.deepEqual(await told(), [1, 3, 5, 6], 'neither written nor open')
    })
    // It has looked at what is open, and reads the database when more of that has been written there.
    const reading = await db.transaction().execute(async tx => {
      await sql`lock table ${sql.table(`metric_block_${Math.floor(old_ms / 3_600_000) % 8}`)}`.execute(tx)
      const answer = told()
      await eventually(async () => {
        const { rows } = await sql`select from pg_stat_activity
          where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`.execute(tx)
        assert.equal(rows.length, 1)
      })
      await measure(host, minute_ms - 50_000, 9)
      await metrics.flush()
      return { answer }
    })
    assert.deepEqual(await reading.answer, [1, 3, 5, 7.5], 'both')
    assert.deepEqual(await told(), [1, 3, 5, 7.5])
  })

  test('a host that is away leaves the word to one that is linked, whatever it said last', async () => {
    await s2.disconnect()
    assert.deepEqual(await latest(), { pool_used_bytes: 50, pool_size_bytes: size_bytes })
    assert.deepEqual(await used(), [10, 20, 30, 40, 50])
    await s2.connect()
    assert.equal((await latest()).pool_used_bytes, 60)
  })

  test('a project’s member is refused, as of the pool itself', async () => {
    for (const path of ['', '/latest', '/stream']) {
      const answered = await cloud.request('GET', `/v1/metrics${path}?resource=${pool_id}`, { token: member })
      assert.equal(answered.status, 404, path)
    }
    assert.equal((await cloud.request('GET', `/v1/pools/${pool_id}`, { token: member })).status, 403)
  })

  test('on the stream one host speaks, and the other once that one has missed its time', async () => {
    const url = await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const stop = new AbortController()
    const headers = { authorization: `Bearer ${cloud.admin}` }
    const reply = await fetch(`${url}/v1/metrics/stream?resource=${pool_id}`, { headers, signal: stop.signal })
    assert.ok(reply.ok && reply.body)
    const at_ms = now_ms + 10_000
    await measure(s1, at_ms, 100)
    await measure(s2, at_ms + 3000, 200)
    await measure(s1, at_ms + 10_000, 101)
    await measure(s2, at_ms + 13_000, 201)
    await measure(s2, at_ms + 26_000, 202)
    await measure(s1, at_ms + 27_000, 102)
    await measure(s2, at_ms + 36_000, 203)
    const heard: unknown[] = []
    for await (const { event, data } of readEventStream(reply.body)) {
      if (event !== 'sample') continue
      const { resource_id, kind, values } = JSON.parse(data) as MetricsNow
      assert.deepEqual([resource_id, kind], [pool_id, 'pool'])
      heard.push(values.find(one => one.name === 'pool_used_bytes')?.value)
      if (heard.at(-1) === 203) break
    }
    stop.abort()
    assert.deepEqual(heard, [100, 101, 202, 203])
  })
})
