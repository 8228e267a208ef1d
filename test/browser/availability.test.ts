/** Hosts that are lost, in the web UI: why, what others found, how their power is cut; what a cluster keeps free. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type RedfishTest, redfishService } from '../support/bmc.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { event } from '../../src/controller/store/event.ts'
import { haRestart } from '../../src/controller/store/ha-restart.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

describe('browser/availability', { timeout: 300_000 }, () => {
  let cloud: UiCloud
  let service: RedfishTest
  let hosts: ObedientHost[]
  before(async () => {
    cloud = await uiCloud()
    // Else nobody is asked about hosts with nothing to restart before the controller has been there for a while.
    const settled = await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    assert.equal(settled.status, 200, JSON.stringify(settled.body))
    service = await redfishService()
    hosts = []
    for (const n of [1, 2, 3]) {
      const host = await addHost(cloud, `h${n}`, {}, { tunnel_address: `192.0.2.${n}` })
      host.onCall = ({ method }) => (method === 'probe' ? { result: { reached: 'machine' } } : { error: 'no' })
      hosts.push(host)
    }
    // Only of who reached a host while it was there does it mean anything that they do not now.
    await eventually(async () => {
      const rows = await cloud.cloud.database.db.selectFrom('host_reach').selectAll().execute()
      assert.deepEqual(
        rows.map(row => row.reached_by.length),
        [2, 2, 2],
      )
    })
    for (const host of hosts) host.onCall = () => ({ result: { reached: 'none' } })
  })
  after(async () => {
    await service.close()
    await cloud.close()
  })

  test('an operator sets how power is cut, tests it, and sees why a host is dead', async () => {
    const [lost] = hosts
    assert.ok(lost)
    const page = await cloud.open(`/ui/hosts/${lost.id}/fencing`)
    await page.getByText('None is set.', { exact: false }).waitFor()
    await page.getByRole('button', { name: 'Set', exact: true }).click()
    const help = page.locator('#field-password-help')
    assert.equal(await help.textContent(), 'Kept sealed, and never shown.')
    const { address, port, user, password } = service.bmc
    await page.locator('#field-address').fill(address)
    await page.locator('#field-port').fill(String(port))
    await page.locator('#field-user').fill(user)
    await page.locator('#field-password').fill(password)
    await page.locator('#field-certificate_sha256').fill(service.certificate_sha256)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('button', { name: 'Test' }).click()
    await page.getByText('It answers: the power is on.').waitFor()
    await checkAccessible(page)
    await page.getByRole('tabpanel').getByRole('button', { name: 'Change', exact: true }).click()
    assert.match(String(await help.textContent()), /Left empty, the one before stays\.$/)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await lost.disconnect()
    await page.goto(page.url().replace(/\/fencing$/, ''))
    await page.getByText('come here again when it answers').waitFor()
    await page
      .getByText('h2 and h3 cannot reach it either', { exact: false })
      .or(page.getByText('h3 and h2 cannot reach it either', { exact: false }))
      .waitFor()
    await checkAccessible(page)
    await picture(page, 'host-dead')
    assert.deepEqual(problemsOf(page), [])
  })

  test('every restart of the cloud, as it happens; what a host says of itself and is not believed', async () => {
    const page = await cloud.open('/ui/ha-restarts')
    await page.getByText('When a host is lost').waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    const [one, two] = hosts
    assert.ok(one && two)
    const image_id = await addImage(cloud)
    await addNetwork(cloud)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const made = await cloud.request('POST', '/v1/instances', {
      body: { name: 'db', image_id, flavor_id: flavors.items?.[0]?.id },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const [id, instance_id] = [crypto.randomUUID(), String(made.body.items?.[0]?.id)]
    const { project_id } = cloud
    await cloud.cloud.database.transaction(async tx => {
      await haRestart.insert(tx, {
        ...{ id, instance_id, project_id, from_host_id: one.id, from_host: 'h1', to_host_id: two.id, to_host: 'h2' },
        ...{
          generation: 1,
          fenced_by: 'lease',
          lost_at: new Date(),
          outcome: 'running',
          failure: null,
          verify_s: null,
        },
        reason: 'Restarted on h2: the host h1 was lost; its lease was over.',
      })
      await event.record(tx, [{ noun: 'ha-restart', kind: 'created', resource_id: id, project_id }])
    })
    const row = page.locator('.croft-body-row')
    await row.getByText('its lease was over').waitFor()
    await row.getByRole('link', { name: 'db' }).waitFor()
    await row.getByRole('link', { name: 'h2' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'ha-restarts')
    await row.locator('a.croft-name').click()
    await page.waitForURL(/ha-restarts\/[0-9a-f-]+$/)
    await page.getByRole('heading', { name: 'db', level: 1 }).waitFor()
    await page.getByText('Surely off by').waitFor()
    await checkAccessible(page)
    await page.goto(`${cloud.url}/ui/ha-restarts?from_host_id=${two.id}`)
    await page.getByText('Nothing fits these filters').waitFor()

    await page.goto(`${cloud.url}/ui/hosts/${two.id}`)
    await page.getByText('192.0.2.2', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByLabel('Other hosts reach it at').fill('192.0.2.77')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('1 thing that it says of itself is not believed').waitFor()
    await page.getByText('It says that other hosts reach it at 192.0.2.2; it was registered at 192.0.2.77').waitFor()
    await page.getByText('192.0.2.77', { exact: true }).waitFor()
    await checkAccessible(page)

    // A cluster's bars follow what its hosts promise.
    await page.goto(`${cloud.url}/ui/clusters`)
    const vcpus = page.locator('.croft-body-row .croft-bar-text').first()
    await vcpus.waitFor()
    const before = await vcpus.innerText()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await cloud.request('POST', '/v1/instances', {
      body: { name: 'more', image_id, flavor_id: flavors.items?.[0]?.id },
    })
    await eventually(async () => assert.notEqual(await vcpus.innerText(), before))
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a cluster says what it keeps free', async () => {
    const { items = [] } = (await cloud.request('GET', '/v1/clusters')).body
    const id = String(items[0]?.id)
    const set = await cloud.request('PATCH', `/v1/clusters/${id}`, { body: { ha_failures_tolerated: 1 } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const page = await cloud.open(`/ui/clusters/${id}`)
    await page.getByText('Any one host may be lost.').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
  })
})
