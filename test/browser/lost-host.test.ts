/** A host that is lost, by hand in the web UI: vouched for, evacuated, and taken out with what is shown to be lost with it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { poolOf } from '../../sim/facts.ts'
import { type Absence, hostAvailability } from '../../src/model/host-state.ts'
import { checkAccessible, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

const pool_id = '11111111-2222-4333-8444-555555555560'

describe('browser/lost-host', { timeout: 300_000 }, () => {
  let cloud: UiCloud
  let body: Record<string, unknown>
  before(async () => {
    cloud = await uiCloud()
    const networks = [{ network_id: await addNetwork(cloud) }]
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    body = { image_id: await addImage(cloud), flavor_id: flavors.items?.[0]?.id, networks }
  })
  after(() => cloud.close())

  async function run(host: ObedientHost, name: string): Promise<string> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name, host_id: host.id },
      headers: { prefer: 'wait=20' },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return String(made.body.items?.[0]?.id)
  }

  test('others reach the machine: asked about once more; then what is on it is evacuated, and each that stays says why', async () => {
    const [lost, other] = await Promise.all(
      [1, 2].map(n => addHost(cloud, `shared${n}`, {}, { ...poolOf(pool_id), tunnel_address: `192.0.2.${n}` })),
    )
    assert.ok(lost && other)
    for (const host of [lost, other]) {
      host.onCall = ({ method }) => (method === 'probe' ? { result: { reached: 'machine' } } : { error: 'no' })
      host.asks_first = true
      await host.disconnect()
      await host.connect()
    }
    const id = await run(lost, 'web')
    await sql`insert into host_reach (host_id, address, boot_id, asked, reached_by) select ${lost.id}, '', '', 1, array[${other.id}::uuid]
      on conflict (host_id) do update set reached_by = excluded.reached_by`.execute(cloud.cloud.database.db)
    const page = await cloud.open(`/ui/hosts/${lost.id}/fencing`)
    await page.getByText('None is set.', { exact: false }).waitFor()
    await lost.disconnect()
    await page.getByRole('button', { name: /^It is off/, disabled: false }).waitFor()
    await page.getByRole('button', { name: /^Cut its power/, disabled: true }).waitFor()
    await page.getByRole('button', { name: /^It is off/ }).click()
    await page.getByRole('dialog').getByText('Do you vouch').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'It is off' }).click()
    await page.getByRole('dialog').getByText('shared2 can reach it right now').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'It is off' }).click()
    await eventually(async () => {
      const { body: now } = await cloud.request('GET', `/v1/hosts/${lost.id}`)
      assert.equal(now.availability, 'fenced')
    })
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await page.getByRole('menuitem', { name: 'Evacuate' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Evacuate' }).click()
    await page.getByRole('dialog').getByText('web goes to shared2').waitFor()
    await eventually(async () => {
      const { body: now } = await cloud.request('GET', `/v1/instances/${id}`)
      assert.deepEqual([now.state, now.host_id], ['running', other.id])
    })
  })

  test('what would be lost with a host is shown, and lost only when that is confirmed', async () => {
    const own = await addHost(cloud, 'own')
    await run(own, 'precious')
    await own.disconnect()
    const page = await cloud.open(`/ui/hosts/${own.id}`)
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await page.getByRole('menuitem', { name: 'Remove as lost' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove as lost' }).click()
    await page.getByRole('dialog').getByText('One thing would be lost for good').waitFor()
    await page.getByRole('dialog').getByText('precious').waitFor()
    assert.equal((await cloud.request('GET', `/v1/hosts/${own.id}`)).status, 200)
    await page.getByRole('dialog').getByRole('button', { name: 'Lose them' }).click()
    await eventually(async () => assert.equal((await cloud.request('GET', `/v1/hosts/${own.id}`)).status, 404))
    await page.waitForURL(/\/ui\/hosts$/)
  })

  test('a host that a storm holds says so once, with what the zone has lost, and is let go', async () => {
    const held = await addHost(cloud, 'held')
    const page = await cloud.open('/ui/preferences')
    // Half of a zone that vanishes, as the API tells of it.
    const answer = (path: string, change: (body: never) => object) =>
      page.route(
        url => url.pathname === path,
        async route => {
          const response = await route.fetch()
          await route.fulfill({ response, json: change((await response.json()) as never) })
        },
      )
    await answer(`/v1/hosts/${held.id}`, (body: { zone: string }) => ({ ...body, ...inStorm(body.zone) }))
    const storm = { since: '2026-11-23T09:15:55.155Z', gone: 7, hosts: 9, overridden_at: null }
    await answer('/v1/zones', ({ items }: { items: object[] }) => ({
      items: items.map(one => ({ ...one, storm })),
      next: null,
    }))
    await page.goto(`${cloud.url}/ui/hosts/${held.id}`)
    await page.getByText('It is held by the storm brake: 7 of 9 hosts').waitFor()
    await page.getByText('Nothing was heard of it for too long. There is no other host to ask.').waitFor()
    assert.equal(await page.getByText('the network is suspected, and not they').count(), 1)
    await page.getByRole('button', { name: /go on: the whole zone/ }).click()
    await page.getByRole('dialog').getByText('Are these hosts truly down?').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    await page.goto(`${cloud.url}/ui/zones`)
    await page.locator('.croft-body-row').getByText('7 of 9 hosts gone').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})

/** A host without a link in a zone where the storm brake holds. */
function inStorm(storm_in: string) {
  const seen: Absence = {
    ...{ cause: 'silent', since_ms: 0, asked_ms: 1, dead_ms: null, fenced_ms: null, fenced_by: null, opinions: [] },
    ...{ fence_failure: null, fence_attempts: 0, fence_again_ms: null, power_was_off: false },
  }
  const { availability, why } = hostAvailability({ linked: false, maintenance: false, storm_in, absence: seen })
  const absence = {
    ...{ cause: 'silent', since: '2026-11-23T09:15:55.155Z', opinions: [], dead_at: null, fence_failure: null },
    ...{ fenced_at: null, fenced_by: null, lease_over_at: null },
  }
  return { state: 'unreachable', availability, availability_reason: why, absence }
}
