/** Metrics on a real PostgreSQL: what hosts send, who may see it, history that is put together and stays bounded, two controllers. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { parse } from 'yaml'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import type { MetricHistory, MetricsNow } from '../../../src/api/metrics.ts'
import { MetricHub } from '../../../src/controller/app/metric-hub.ts'
import type { Latest } from '../../../src/controller/app/metric-minute.ts'
import { everyExposedName } from '../../../src/controller/app/metric-exposition.ts'
import { keepMetrics } from '../../../src/controller/reconcilers/metrics.ts'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { clusterCapacities, type PackedBlock } from '../../../src/controller/store/metrics.ts'
import { realClock } from '../../../src/lib/clock.ts'
import type { InstanceSample } from '../../../src/protocol/samples.ts'
import { simulatedSamples } from '../../../sim/samples.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'
import { replyOf } from '../../support/reply.ts'
import { makeTeam, type Team } from './authorisation/things.ts'

const hour_ms = 3_600_000

interface RuleFile {
  groups: { rules: { alert: string; expr: string; labels: { severity: string } }[] }[]
}
interface Dashboard {
  schemaVersion: number
  panels: { id: number; type: string; targets?: { expr: string }[] }[]
}

let own: Awaited<ReturnType<typeof testDatabase>>
let one: TestCloud
let other: TestCloud
let host: ObedientHost
let elsewhere: ObedientHost
let theirs: Team
let instances: Instance[]
const ids = () => instances.map(each => each.id)

function sampleOf(id: string, cpu_s: number): InstanceSample {
  const disk = { name: 'vda', read_bytes: cpu_s * 1000, write_bytes: 0, read_ops: 0, write_ops: 0 }
  const [memory_used_bytes, memory_size_bytes] = [300, 1000]
  const counters = { receive_bytes: 0, transmit_bytes: 0, receive_packets: 0, transmit_packets: 0, drops: 0 }
  const nic = { name: 'nic0', ...counters }
  return {
    id,
    cpus: 1,
    cpu_s,
    memory_used_bytes,
    memory_size_bytes,
    disks: [disk, { ...disk, name: 'vdb' }],
    nics: [nic],
  }
}

describe('controller/metrics', () => {
  before(async () => {
    own = await testDatabase()
    one = await testCloud({ database_url: own.url })
    other = await testCloud({ database_url: own.url })
    host = await addHost(one, 'h1', { memory_mib: 64_000 })
    const flavors = await one.request('GET', '/v1/flavors?name=tiny')
    const body = {
      name: 'web',
      count: 2,
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: await addImage(one),
      networks: [{ network_id: await addNetwork(one) }],
    }
    const made = await one.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    instances = replyOf(instanceRoutes.create, made).items
    assert.equal(instances.length, 2, JSON.stringify(made.body))
    elsewhere = await addHost(one, 'h2', { memory_mib: 64_000 })
    const outside = { name: 'outside', kind: 'external', shared: true, physical_network: 'outside' }
    const network = await one.request('POST', '/v1/networks', { body: outside })
    const subnet = { name: 'outside', network_id: network.body.id, cidr: '198.51.100.0/24' }
    assert.equal((await one.request('POST', '/v1/subnets', { body: subnet })).status, 201)
    theirs = await makeTeam(one, 'theirs', 2)
  })
  after(async () => {
    await other.close()
    await one.close()
    await own.drop()
  })

  const get = async (cloud: TestCloud, path: string, token?: string) => {
    const answered = await cloud.request('GET', path, token === undefined ? {} : { token })
    assert.equal(answered.status, 200, JSON.stringify(answered.body))
    return answered.body as never
  }

  test('samples become rates; only what is placed on a host counts', async () => {
    const [id = ''] = ids()
    const { host: own_sample } = {
      host: await simulatedSamples('h1', realClock, { running: ids }, { cpus: 8, memory_mib: 1000 }).host(),
    }
    await host.measure({ taken_ms: 0, host: own_sample, instances: ids().map(each => sampleOf(each, 10)) })
    await host.measure({ taken_ms: 10_000, host: own_sample, instances: ids().map(each => sampleOf(each, 15)) })
    // Another host lies about it.
    await elsewhere.measure({ taken_ms: 0, host: null, instances: [sampleOf(id, 1_000_000)] })
    const { resources } = (await get(one, `/v1/metrics/latest?resource=${id}&resource=${host.id}&devices=true`)) as {
      resources: MetricsNow[]
    }
    const values = new Map(resources[0]?.values.map(each => [`${each.name} ${each.device ?? ''}`, each.value]))
    assert.equal(values.get('cpu_percent '), 50)
    assert.equal(values.get('memory_used_bytes '), 300)
    assert.equal(values.get('disk_read_bytes_per_s '), 1000, 'both disks together')
    assert.equal(
      values.get('disk_read_bytes_per_s disk_read_bytes_per_s/vdb') ?? values.get('disk_read_bytes_per_s vdb'),
      500,
    )
    assert.equal(resources[1]?.kind, 'host')
    assert.ok(resources[1]?.values.some(each => each.name === 'load1'))
  })

  test('history has what was just measured, also at another controller once it is written', async () => {
    const [id = ''] = ids()
    const query = `/v1/metrics?resource=${id}&names=cpu_percent`
    const here = (await get(one, query)) as MetricHistory
    assert.equal(here.step_s, 10)
    assert.deepEqual(
      here.resources[0]?.series[0]?.mean.filter(value => value !== null),
      [50],
    )
    await one.cloud.metrics.flush()
    const there = (await get(other, query)) as MetricHistory
    assert.deepEqual(
      there.resources[0]?.series[0]?.mean.filter(value => value !== null),
      [50],
    )
    const { resources } = (await get(other, `/v1/metrics/latest?resource=${id}`)) as { resources: MetricsNow[] }
    assert.equal(resources[0]?.values.find(each => each.name === 'cpu_percent')?.value, 50)
  })

  test('points are as far apart as the host of each measures itself, wherever that was set', async () => {
    const [id = ''] = ids()
    const path = '/v1/settings/metrics.interval_s'
    const step = async (cloud: TestCloud, resources: string[]) =>
      ((await get(cloud, `/v1/metrics?${resources.map(each => `resource=${each}`).join('&')}`)) as MetricHistory).step_s
    assert.equal((await one.request('PUT', path, { body: { value: 60, host_id: host.id } })).status, 200)
    assert.equal(await step(one, [id]), 60)
    assert.equal(await step(one, [host.id]), 60)
    assert.equal(await step(one, [elsewhere.id]), 10)
    assert.equal(await step(one, [elsewhere.id, id]), 60)
    assert.equal((await one.request('DELETE', `${path}?host_id=${host.id}`)).status, 204)
    assert.equal(await step(one, [id]), 10)
  })

  test('who watches at one controller hears what the other measures', async () => {
    const [id = ''] = ids()
    const heard = Promise.withResolvers<Latest>()
    const stop = other.cloud.metrics.watch([id], heard.resolve)
    // Interest travels by a notice; samples come every 10 s, here until one is heard.
    for (let taken_ms = 20_000; ; taken_ms += 10_000) {
      await host.measure({ taken_ms, host: null, instances: [sampleOf(id, 15 + taken_ms / 10_000)] })
      const waited = await Promise.race([heard.promise, realClock.sleep(50)])
      if (waited) break
    }
    const latest = await heard.promise
    stop()
    assert.equal(latest.resource_id, id)
    assert.equal(Array.from(latest.values)[latest.series.indexOf('memory_used_bytes')], 300)
  })

  test('another project’s instance is not there, hosts and clusters are for operators', async () => {
    const [id = ''] = ids()
    const cluster = (await clusterCapacities(one.cloud.database.db))[0]?.id ?? ''
    for (const resource of [id, host.id, cluster, randomUUID()]) {
      for (const path of ['', '/latest', '/stream']) {
        const answered = await one.request('GET', `/v1/metrics${path}?resource=${resource}`, { token: theirs.chief })
        assert.equal(answered.status, 404, `${path} ${resource}`)
      }
    }
    const nobody = await one.request('GET', '/v1/metrics/prometheus', { token: theirs.nobody })
    assert.equal(nobody.status, 403)
  })

  const scrape = async (cloud: TestCloud, token: string) => {
    const reply = await cloud.server.inject({
      url: '/v1/metrics/prometheus',
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(reply.statusCode, 200, reply.body)
    assert.match(String(reply.headers['content-type']), /^text\/plain; version=0\.0\.4/)
    return reply.body
  }

  test('Prometheus: an operator’s token sees all, a project’s only its own, at either controller', async () => {
    const [id = ''] = ids()
    for (const cloud of [one, other]) {
      await one.cloud.metrics.flush()
      const all = await scrape(cloud, one.admin)
      assert.match(
        all,
        new RegExp(`^croft_instance_cpu_seconds_total\\{instance_id="${id}",instance="web-1",.*\\} \\d`, 'm'),
      )
      assert.match(all, /^croft_instance_disk_read_bytes_total\{.*disk="vdb"\} \d+/m)
      assert.match(all, /^croft_host_load1\{.*host="h1"\} /m)
      assert.match(all, /^croft_controller_resident_memory_bytes\{/m)
    }
    const text = await scrape(one, theirs.reader)
    assert.ok(!text.includes(id) && !text.includes('croft_host_') && !text.includes('croft_controller_'), text)
  })

  test('rules and dashboard name only what is there', async () => {
    const folder = path.join(import.meta.dirname, '../../../docs/monitoring')
    const rules = parse(await readFile(path.join(folder, 'rules.yaml'), 'utf8')) as RuleFile
    const dashboard = JSON.parse(await readFile(path.join(folder, 'dashboard.json'), 'utf8')) as Dashboard
    const told = new Set([...(await scrape(one, one.admin)).matchAll(/^# TYPE (\w+)/gm)].map(match => match[1]))
    const alerts = rules.groups.flatMap(group => group.rules)
    assert.ok(alerts.length >= 10 && alerts.every(({ alert, expr, labels }) => alert && expr && labels.severity))
    assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length)
    const panels = dashboard.panels.filter(panel => panel.type !== 'row')
    assert.ok(dashboard.schemaVersion >= 36 && panels.length >= 12 && panels.every(panel => panel.targets?.length))
    assert.equal(new Set(dashboard.panels.map(panel => panel.id)).size, dashboard.panels.length)
    const asked = [
      ...alerts.map(({ expr }) => expr),
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ]
    const known = everyExposedName()
    const names = new Set(asked.flatMap(expr => [...expr.matchAll(/\bcroft_\w+/g)].map(match => match[0])))
    assert.ok(names.size >= 20)
    assert.deepEqual(
      [...names].filter(name => !told.has(name)),
      [],
      'a name that nothing tells of',
    )
    assert.deepEqual(
      [...told].filter(name => !known.has(name ?? '') && !name?.startsWith('croft_controller_')),
      [],
    )
  })

  test('history is put together, once, whoever does it, and reads as one', async () => {
    const { db } = one.cloud.database
    await sql`delete from metric_rollup`.execute(db)
    const [id = ''] = ids()
    const now_ms = Date.now()
    const from_ms = Math.floor(now_ms / hour_ms) * hour_ms - 4 * hour_ms
    const blocks: PackedBlock[] = []
    for (let minute = 0; minute < 120; minute++) {
      const mean = Float32Array.from({ length: 6 }, (_, n) => minute + n)
      const at_ms = from_ms + minute * 60_000
      blocks.push({ resource_id: id, at_ms, step_s: 10, series: ['cpu_percent'], mean, peak: null, counters: null })
    }
    await one.cloud.metrics.store.write('seconds', blocks)
    const keep = async (at_ms: number) => {
      const clock = { ...realClock, now_ms: () => at_ms }
      const parts = [one, other].map(({ cloud }) => ({ database: cloud.database, metrics: cloud.metrics, clock }))
      while ((await Promise.all(parts.map(each => keepMetrics(each)))).some(Boolean));
    }
    await keep(from_ms)
    await keep(from_ms + 2.5 * hour_ms)
    const { rows } = await sql<{
      at: Date
    }>`select at from metric_block where step_s = 300 and resource_id = ${id} order by at`.execute(db)
    assert.deepEqual(
      rows.map(row => row.at.getTime()),
      [from_ms, from_ms + hour_ms],
    )
    const [from, to] = [from_ms, from_ms + 2 * hour_ms].map(at_ms => new Date(at_ms).toISOString())
    const read = (await get(one, `/v1/metrics?resource=${id}&from=${from}&to=${to}&step_s=600`)) as MetricHistory
    const [series] = read.resources[0]?.series ?? []
    assert.equal(read.step_s, 600)
    assert.deepEqual(
      series?.mean,
      Array.from({ length: 12 }, (_, n) => n * 10 + 4.5 + 2.5),
    )
    assert.deepEqual(
      series?.peak,
      Array.from({ length: 12 }, (_, n) => n * 10 + 9 + 5),
    )
  })

  test('a host that makes up devices uses up its own share, and nobody else’s', async () => {
    const { db } = one.cloud.database
    const count = async () =>
      (await sql<{ n: number }>`select count(*)::int as n from metric_layout`.execute(db)).rows[0]?.n ?? 0
    const sampled = await simulatedSamples('h2', realClock, { running: () => [] }, { cpus: 8, memory_mib: 1000 }).host()
    const before = await count()
    for (let n = 0; n < 200; n++) {
      const pools = [{ name: `made-up-${n}`, used_bytes: 0, size_bytes: 1 }]
      await elsewhere.measure({ taken_ms: n * 1000, host: { ...sampled, pools }, instances: [] })
    }
    await one.cloud.metrics.flush()
    const made_up = (await count()) - before
    assert.ok(made_up > 10 && made_up < 100, `${made_up} layouts of one host`)
    const { lost } = one.cloud.metrics.counted
    assert.ok(lost >= 100, `${lost} counted as lost`)
    // What it had before it may go on to say, and others may say new things.
    const pools = [{ name: 'made-up-0', used_bytes: 1, size_bytes: 1 }]
    await elsewhere.measure({ taken_ms: 1_000_000, host: { ...sampled, pools }, instances: [] })
    assert.ok(one.cloud.metrics.latest(elsewhere.id)?.series.includes('pool_used_bytes/made-up-0'))
    await host.measure({
      taken_ms: 1_000_000,
      host: { ...sampled, pools: [{ ...pools[0], name: 'new' } as never] },
      instances: [],
    })
    assert.ok(one.cloud.metrics.latest(host.id)?.series.includes('pool_used_bytes/new'))
  })

  test('what a silent one leaves behind is written and told as its own, whoever has its memory next', async () => {
    let steady_ms = 0
    const { id: controller_id, database, log } = { id: randomUUID(), database: one.cloud.database, log: one.cloud.log }
    const clock = { ...realClock, steady_ms: () => steady_ms }
    const metrics = new MetricHub({ controller_id, database, clock, log, interval_s: () => 10 })
    const [gone, next] = [randomUUID(), randomUUID()]
    const placed = new Set([gone, next])
    const sampled = (id: string, memory_used_bytes: number) =>
      metrics.take(host.id, placed, {
        type: 'samples',
        taken_ms: 0,
        host: null,
        instances: [{ ...sampleOf(id, 1), memory_used_bytes }],
      })
    const used = (values: ArrayLike<number> | undefined) => values?.[1]
    sampled(gone, 111)
    const told = metrics.latest(gone)
    steady_ms += 100_000
    metrics.sweep()
    assert.equal(metrics.latest(gone), undefined)
    sampled(next, 222)
    assert.deepEqual([used(told?.values), used(metrics.latest(next)?.values)], [111, 222])
    await metrics.flush()
    const now_ms = Date.now()
    const blocks = await metrics.store.newest([gone, next], now_ms - 120_000, now_ms + 1000)
    assert.deepEqual(
      new Map(blocks.map(block => [block.resource_id, used(block.mean)])),
      new Map([
        [gone, 111],
        [next, 222],
      ]),
    )
  })

  test('points are put together by the one connection that holds the work', async () => {
    const single = openDatabase({ url: own.url, connections_max: 1, onError: console.error })
    const now_ms = Math.floor(Date.now() / hour_ms) * hour_ms + hour_ms / 2
    const metrics = new MetricHub({
      controller_id: randomUUID(),
      database: single,
      clock: realClock,
      log: one.cloud.log,
      interval_s: () => 10,
    })
    try {
      const [id = ''] = ids()
      const at_ms = now_ms - 1.5 * hour_ms
      const mean = Float32Array.of(1, 2, 3)
      const block = { resource_id: id, at_ms, step_s: 10, series: ['cpu_percent'], mean, peak: null, counters: null }
      await metrics.store.write('seconds', [block])
      const clock = { ...realClock, now_ms: () => now_ms }
      await sql`delete from metric_rollup`.execute(single.db)
      await sql`insert into metric_rollup (step_s, done_at) values (300, ${new Date(now_ms - 1.5 * hour_ms)})`.execute(
        single.db,
      )
      while (await keepMetrics({ database: single, metrics, clock }));
    } finally {
      await single.close()
    }
  })

  test('the size is bounded: what is old goes as new comes, whole partitions at a time', async () => {
    const { store } = one.cloud.metrics
    const { db } = one.cloud.database
    const begin_ms = Math.floor(Date.now() / hour_ms) * hour_ms + 30 * hour_ms
    const resource_id = randomUUID()
    const block = {
      resource_id,
      step_s: 10,
      series: ['cpu_percent'],
      mean: new Float32Array(6),
      peak: null,
      counters: null,
    }
    for (let hour = 0; hour < 24; hour++)
      assert.equal(await store.write('seconds', [{ ...block, at_ms: begin_ms + hour * hour_ms }]), 0)
    const { rows } = await sql<{
      n: number
      all: number
    }>`select count(*) filter (where resource_id = ${resource_id})::int as n,
      count(*)::int as all from metric_block where slot < 8`.execute(db)
    assert.deepEqual(rows[0], { n: 8, all: 8 }, 'eight hours, and nothing of before')
    assert.equal(await store.write('seconds', [{ ...block, at_ms: begin_ms }]), 1, 'too old to be written')
    const kept = await store.read('seconds', [resource_id], begin_ms, begin_ms + 24 * hour_ms)
    assert.equal(kept.length, 8)
  })
})
