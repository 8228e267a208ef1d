/** Filters of lists, and their order: each is clicked once, and the list is what it says then. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Page } from 'playwright-core'
import { type Instance, instanceRoutes } from '../../src/api/instance.ts'
import { checkAccessible, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'
import { replyOf } from '../support/reply.ts'

/** A row's own link, and none to what else it names. */
const linkIn = (page: Page) => (name: string) =>
  page.locator('.croft-rows-body').locator('a.croft-name').getByText(name, { exact: true })

suite('filters of lists in the browser', () => {
  let cloud: UiCloud
  let hosts: ObedientHost[]
  let instances: Instance[]
  const wait = { prefer: 'wait=20' }
  const run = (rows: ReturnType<typeof sql>) => rows.execute(cloud.cloud.database.db)

  /** Two hosts of one zone, and one of another, with an instance each; two of the instances are moved, and one is moved back. */
  before(async () => {
    cloud = await uiCloud()
    hosts = [await addHost(cloud, 'host-1'), await addHost(cloud, 'host-2'), await addHost(cloud, 'host-far')]
    const { body: zone } = await cloud.request('POST', '/v1/zones', { body: { name: 'far' } })
    const { body: cluster } = await cloud.request('POST', '/v1/clusters', { body: { name: 'far', zone_id: zone.id } })
    await run(sql`update host set cluster_id = ${String(cluster.id)}::uuid where name = 'host-far'`)
    const { items: flavors } = (await cloud.request('GET', '/v1/flavors?name=tiny')).body
    const wish = {
      flavor_id: flavors?.[0]?.id,
      image_id: await addImage(cloud),
      networks: [{ network_id: await addNetwork(cloud) }],
    }
    instances = []
    for (const [name, n] of [
      ['web', 0],
      ['db', 0],
      ['far', 2],
    ] as const) {
      const body = { ...wish, name, host_id: hosts[n]?.id }
      const made = await cloud.request('POST', '/v1/instances', { body, headers: wait })
      instances.push(...replyOf(instanceRoutes.create, made).items)
    }
    for (const one of instances.slice(0, 2)) {
      const body = { host_id: hosts[1]?.id }
      const moved = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body, headers: wait })
      assert.equal(moved.status, 202, JSON.stringify(moved.body))
    }
    // One as if it had come to nothing; and one highly available, which its host, that was never told, does not guard.
    await run(sql`update migration set kind = 'cold', outcome = 'failed' where instance_id = ${instances[1]?.id}::uuid`)
    await run(sql`update instance set availability = 'high', guard_from = 0, version = version + 1 where name = 'web'`)
    await run(sql`insert into host_bmc (host_id, kind, address, user_name, sealed_password)
      values (${hosts[0]?.id}::uuid, 'ipmi', '192.0.2.1', 'root', '')`)
  })
  after(() => cloud.close())

  test('instances by zone, by availability, and those that would not be started elsewhere', async () => {
    const page = await cloud.open('/ui/instances')
    const link = linkIn(page)
    await link('web').waitFor()
    await page.getByLabel('Zone').selectOption({ label: 'far' })
    await link('web').waitFor({ state: 'detached' })
    await link('far').waitFor()
    await page.getByLabel('Zone').selectOption('')
    await link('web').waitFor()
    await page.getByLabel('When its host is lost').selectOption('high')
    await link('db').waitFor({ state: 'detached' })
    await link('web').waitFor()
    await page.getByLabel('When its host is lost').selectOption('')
    await link('db').waitFor()
    await page.getByText('Not started elsewhere now').click()
    await link('db').waitFor({ state: 'detached' })
    await link('web').waitFor()
    await page.waitForURL(/ha_obstacle=true/)
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('migrations by outcome and by kind', async () => {
    const page = await cloud.open('/ui/migrations')
    const link = linkIn(page)
    await link('web').waitFor()
    await link('db').waitFor()
    await page.getByLabel('Outcome').selectOption('failed')
    await link('web').waitFor({ state: 'detached' })
    await link('db').waitFor()
    await page.getByLabel('Outcome').selectOption('')
    await link('web').waitFor()
    await page.getByLabel('Kind').selectOption('live')
    await link('db').waitFor({ state: 'detached' })
    await link('web').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('hosts without a management controller', async () => {
    const page = await cloud.open('/ui/hosts')
    const link = linkIn(page)
    await link('host-1').waitFor()
    await page.getByRole('button', { name: 'More filters' }).click()
    await page.getByLabel('Management controller').selectOption('false')
    await link('host-1').waitFor({ state: 'detached' })
    await link('host-2').waitFor()
    await page.getByLabel('Management controller').selectOption('true')
    await link('host-2').waitFor({ state: 'detached' })
    await link('host-1').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('hosts by a label as one types it', async () => {
    const label = async (labels: object) =>
      assert.equal((await cloud.request('PATCH', `/v1/hosts/${hosts[1]?.id}`, { body: { labels } })).status, 200)
    await label({ rack: 'r1' })
    const page = await cloud.open('/ui/hosts')
    const link = linkIn(page)
    await link('host-1').waitFor()
    await page.getByRole('button', { name: 'More filters' }).click()
    const typed = page.getByPlaceholder('Label or label=value')
    await typed.fill('rack=r1')
    await link('host-1').waitFor({ state: 'detached' })
    await link('host-2').waitFor()
    await page.waitForURL(/label=rack/)
    // Nobody reads the list again by hand.
    await label({ rack: 'r2' })
    await link('host-2').waitFor({ state: 'detached' })
    await label({ rack: 'r1' })
    await link('host-2').waitFor()
    await typed.fill('rack=r2')
    await link('host-2').waitFor({ state: 'detached' })
    await typed.fill('')
    await link('host-1').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('operations by time, the oldest first and the newest', async () => {
    const page = await cloud.open('/ui/operations')
    const first = (more = '') => page.locator(`.croft-rows-body [aria-rowindex="2"] a.croft-name${more}`)
    const { items: operations = [] } = (await cloud.request('GET', '/v1/operations?sort=created_at')).body
    const of = (n: number) => first(`[href$="${String(operations.at(n)?.id)}"]`)
    const heading = page
      .getByRole('columnheader')
      .filter({ has: page.locator('.croft-sort') })
      .getByRole('button')
    await of(-1).waitFor()
    await heading.click()
    await of(0).waitFor()
    await heading.click()
    await of(-1).waitFor()
    await page.waitForURL(/sort=-created_at/)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
