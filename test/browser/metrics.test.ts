/** Graphs in the browser: drawn from history, moved on by samples without a reload, zoomed into, compared; and the forecast. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Instance, instanceRoutes } from '../../src/api/instance.ts'
import { clusterCapacities } from '../../src/controller/store/metrics.ts'
import { realClock } from '../../src/lib/clock.ts'
import type { InstanceSample } from '../../src/protocol/samples.ts'
import { simulatedSamples } from '../../sim/samples.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'
import { replyOf } from '../support/reply.ts'

const minute_ms = 60_000
const day_ms = 86_400_000
const pool_id = '01890000-0000-7000-8000-00000000000b'

/** Half as busy as the first. */
function withSecondDisk(guest: InstanceSample): InstanceSample {
  const half = guest.disks.map(one => ({
    ...one,
    name: 'vdb',
    read_bytes: one.read_bytes / 2,
    write_bytes: one.write_bytes / 3,
  }))
  return { ...guest, disks: [...guest.disks, ...half] }
}

suite('metrics in the browser', () => {
  let cloud: UiCloud
  let host: ObedientHost
  let instances: Instance[]

  before(async () => {
    cloud = await uiCloud()
    host = await addHost(cloud, 'host-1', { cpus: 64, memory_mib: 65_536, pool_id })
    await addImage(cloud)
    await addNetwork(cloud)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=small')
    const { body: images } = await cloud.request('GET', '/v1/images')
    const asked = { name: 'web', count: 2, flavor_id: flavors.items?.[0]?.id, image_id: images.items?.[0]?.id }
    const made = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=20' } })
    instances = replyOf(instanceRoutes.create, made).items
    await measureThePast()
  })
  after(() => cloud.close())

  /** An hour of samples, as if they had come every 10 s. */
  async function measureThePast(): Promise<void> {
    const { metrics } = cloud.cloud
    const running = () => instances.map(one => one.id)
    const now_ms = Date.now()
    let at_ms = now_ms - 60 * minute_ms
    const past = { ...realClock, now_ms: () => at_ms }
    const source = simulatedSamples('host-1', past, { running }, { cpus: 64, memory_mib: 65_536 })
    const placed = new Set(running())
    const parts = Reflect.get(metrics, 'parts') as { clock: typeof realClock }
    const clock = parts.clock
    parts.clock = past
    for (; at_ms < now_ms; at_ms += 10_000) {
      const [own, guests] = await Promise.all([source.host(), source.instances()])
      const instances = guests.map(withSecondDisk)
      metrics.take(host.id, placed, { type: 'samples', taken_ms: source.taken_ms(), host: own, instances })
    }
    parts.clock = clock
    await metrics.flush()
  }

  const legend = (page: Page, graph: string) => page.getByRole('list', { name: `Legend of ${graph}` })

  test('graphs follow what is measured; zoom, compare, tables', async () => {
    const [one, other] = instances
    const page = await cloud.open(`/ui/instances/${one?.id}/metrics`)
    await page.getByRole('img', { name: /^CPU\. used: last/ }).waitFor()
    await page.locator('.croft-graph canvas').first().waitFor()
    assert.equal(await page.locator('.croft-graph canvas').count(), 6)
    await checkAccessible(page)
    await picture(page, 'metrics')

    // 7 s of CPU time in 10 s, on one CPU: told at once, without a reload.
    const sampled = (cpu_s: number): InstanceSample => {
      const [memory_used_bytes, memory_size_bytes] = [900 * 2 ** 20, 2 ** 30]
      return { id: one?.id ?? '', cpus: 1, cpu_s, memory_used_bytes, memory_size_bytes, disks: [], nics: [] }
    }
    const memory = legend(page, 'Memory').getByText('900 MiB')
    for (let n = 1; n < 40 && !(await memory.isVisible()); n++) {
      await host.measure({ taken_ms: n * 10_000, host: null, instances: [sampled(n * 7)] })
      await memory.waitFor({ timeout: 500 }).catch(() => undefined)
    }
    await memory.waitFor()

    await eachDisk(page, one?.id ?? '')

    await page.getByLabel('Compare with…').selectOption({ label: other?.name ?? '' })
    await legend(page, 'CPU').getByText('web-2, used').waitFor()
    await checkAccessible(page)
    await picture(page, 'metrics-compared')

    const box = await page.locator('.croft-graph-box .u-over').first().boundingBox()
    assert.ok(box)
    const y = box.y + box.height / 2
    await page.mouse.move(box.x + box.width * 0.2, y)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 })
    await page.mouse.up()
    await page.getByRole('button', { name: 'Back to now' }).waitFor()
    const address = new URL(page.url())
    const span_s = Number(address.searchParams.get('to')) - Number(address.searchParams.get('from'))
    assert.ok(span_s > 700 && span_s < 1500, `30 % of an hour, not ${span_s} s`)
    await page.getByRole('button', { name: 'Back to now' }).click()

    await page.getByText('As tables').click()
    await page.getByRole('columnheader', { name: 'web-2, vdb, read', exact: true }).waitFor()
    await page
      .getByRole('region', { name: 'CPU', exact: true })
      .getByRole('columnheader', { name: 'web-2, used' })
      .waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  /** Each disk a line, by the keyboard; its values go on as they are measured. */
  async function eachDisk(page: Page, id: string): Promise<void> {
    const choice = page.getByRole('group', { name: 'Disks: which lines' })
    await choice.getByRole('button', { name: 'Each device' }).press('Enter')
    const root = legend(page, 'Disks').getByRole('listitem').filter({ hasText: 'root (vda), read' })
    await root.waitFor()
    await legend(page, 'Disks').getByText('vdb, written').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('devices'), 'disk')
    // Nobody asked for the others'.
    await legend(page, 'Network')
      .getByText(/^received/)
      .waitFor()
    const value = root.getByText('7 MiB/s')
    for (let n = 50; n < 90 && !(await value.isVisible()); n++) {
      const grown = { read_bytes: n * 70 * 2 ** 20, write_bytes: 0, read_ops: 0, write_ops: 0 }
      const disks = ['vda', 'vdb'].map(name => ({ name, ...grown }))
      const sampled = { id, cpus: 1, cpu_s: n, memory_used_bytes: null, memory_size_bytes: 2 ** 30, disks, nics: [] }
      await host.measure({ taken_ms: n * 10_000, host: null, instances: [sampled] })
      await value.waitFor({ timeout: 500 }).catch(() => undefined)
    }
    await value.waitFor()
    await checkAccessible(page)
    await legend(page, 'Disks').scrollIntoViewIfNeeded()
    await picture(page, 'metrics-devices')
  }

  test('dark, narrow, German; what was never measured says so', async () => {
    const page = await cloud.open(`/ui/instances/${instances[0]?.id}/metrics?devices=network,disk`, {
      dark: true,
      width: 400,
      locale: 'de-DE',
    })
    await page.getByRole('img', { name: /^CPU\. benutzt/ }).waitFor()
    await page.locator('.croft-graph canvas').first().waitFor()
    await page.getByText('net (10.0.0.2), empfangen').waitFor()
    await page.getByText('System (vda), gelesen').waitFor()
    await checkAccessible(page)
    await picture(page, 'metrics-dark-narrow')
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a pool’s page has how full it was', async () => {
    const page = await cloud.open(`/ui/pools/${pool_id}`)
    await page.getByRole('tab', { name: 'Metrics' }).click()
    await page.getByRole('img', { name: /^Room\. used: last/ }).waitFor()
    await page.locator('.croft-graph canvas').first().waitFor()
    assert.equal(await page.locator('.croft-graph canvas').count(), 1)
    await checkAccessible(page)
    await picture(page, 'metrics-pool')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the dashboard says when memory will be full, as far as a line can tell', async () => {
    const { store } = cloud.cloud.metrics
    const [capacity] = await clusterCapacities(cloud.cloud.database.db)
    assert.ok(capacity)
    const today_ms = Math.floor(Date.now() / day_ms) * day_ms
    const claimed = capacity.memory_claimed_mib * 2 ** 20
    const free = capacity.memory_limit_mib * 2 ** 20 - claimed
    // A day's growth that leaves room for 23 more.
    const blocks = Array.from({ length: 20 }, (_, n) => {
      const mean = Float32Array.from({ length: 24 }, (_, hour) => claimed - (free / 23) * (20 - n - hour / 24))
      const at_ms = today_ms - (20 - n) * day_ms
      return {
        resource_id: capacity.id,
        at_ms,
        step_s: 3600,
        series: ['memory_claimed_bytes'],
        mean,
        peak: mean,
        counters: null,
      }
    })
    await store.write('hours', blocks)
    const page = await cloud.open('/ui/')
    await page.getByText(/is full in about 2[2-4] days/).waitFor()
    await page.getByText('A forecast needs a day of history.').first().waitFor()
    await checkAccessible(page)
    await picture(page, 'dashboard-capacity')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
