/** Hosts that are lost, in the web UI: why, what others found, how their power is cut; what a cluster keeps free. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type RedfishTest, redfishService } from '../support/bmc.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, type ObedientHost } from '../support/obedient-host.ts'

describe('browser/availability', { timeout: 300_000 }, () => {
  let cloud: UiCloud
  let service: RedfishTest
  let hosts: ObedientHost[]
  before(async () => {
    cloud = await uiCloud()
    service = await redfishService()
    hosts = []
    for (const n of [1, 2, 3]) {
      const host = await addHost(cloud, `h${n}`, {}, { tunnel_address: `192.0.2.${n}` })
      host.onCall = () => ({ result: { reached: 'none' } })
      hosts.push(host)
    }
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
    await lost.disconnect()
    await page.goto(page.url().replace(/\/fencing$/, ''))
    await page
      .getByText('h2 and h3 cannot reach it either', { exact: false })
      .or(page.getByText('h3 and h2 cannot reach it either', { exact: false }))
      .waitFor()
    await checkAccessible(page)
    await picture(page, 'host-dead')
    assert.deepEqual(problemsOf(page), [])
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
