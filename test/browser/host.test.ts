/** The operator's journeys: hosts, how full they are, inviting one; clusters; settings that hold at once. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

suite('hosts in the browser', () => {
  let cloud: UiCloud
  let first: ObedientHost

  before(async () => {
    cloud = await uiCloud()
    first = await addHost(cloud, 'host-1', { cpus: 16, memory_mib: 65_536 })
    for (const name of ['host-2', 'host-3']) await addHost(cloud, name)
    await addImage(cloud)
    await addNetwork(cloud)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=small')
    const { body: images } = await cloud.request('GET', '/v1/images')
    const asked = { name: 'web', count: 9, flavor_id: flavors.items?.[0]?.id, image_id: images.items?.[0]?.id }
    await cloud.request('POST', '/v1/instances', { body: asked })
  })
  after(() => cloud.close())

  test('a list that shows how full they are and follows what happens; an invitation', async () => {
    const page = await cloud.open('/ui/hosts')
    await page.getByRole('link', { name: 'host-3' }).waitFor()
    const beyond = "(it => it.scrollWidth - it.clientWidth)(document.querySelector('.croft-rows'))"
    assert.equal(await page.evaluate(beyond), 0, 'all columns have room')
    await first.disconnect()
    const gone = page
      .getByRole('row')
      .getByText(/(silent|suspect)$/)
      .first()
    await gone.waitFor()
    await checkAccessible(page)
    await picture(page, 'hosts')
    await first.connect()
    await gone.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Invite a host' }).click()
    await page.getByRole('button', { name: 'Make the command' }).click()
    await page.getByRole('dialog', { name: 'Run this on the new host' }).waitFor()
    assert.match(await page.getByLabel('Command to run on the new host').first().inputValue(), /croft|curl/)
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('its page: capacity, what is on it, hardware; no new instances; why it cannot be removed', async () => {
    const page = await cloud.open(`/ui/hosts/${first.id}`)
    await page.getByRole('heading', { name: 'Promised to instances' }).waitFor()
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByText(/instances are on it/).waitFor()
    await page.getByRole('menuitem', { name: 'Take no new instances' }).click()
    await page.locator('header').getByText('takes no new ones').waitFor()
    await checkAccessible(page)
    await picture(page, 'host')
    // A form without a field yet.
    await page.getByRole('button', { name: 'Change labels' }).click()
    await page.getByRole('dialog').locator('form button:focus').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('tab', { name: 'Hardware' }).click()
    await page.getByRole('heading', { name: 'CPU and memory' }).waitFor()
    await page.getByRole('tab', { name: 'Instances' }).click()
    await page.getByRole('link', { name: 'web-1', exact: true }).waitFor()
    await checkAccessible(page)
    await page.setViewportSize({ width: 400, height: 800 })
    await checkAccessible(page)
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('settings of a part of the cloud: inherited from where, its own, inherited again; and what they were', async () => {
    const { body } = await cloud.request('GET', '/v1/clusters')
    const cluster = body.items?.[0] as { id: string; name: string }
    const page = await cloud.open(`/ui/clusters/${cluster.id}/settings`)
    const interval = page.getByRole('combobox', { name: 'metrics.interval_s' })
    await page.getByText('the default').first().waitFor()
    await interval.selectOption('30')
    await page.getByText('metrics.interval_s is 30 now').waitFor()
    await page.getByText('Inherited it would be 10').waitFor()
    await checkAccessible(page)
    const { body: hosts } = await cloud.request('GET', '/v1/hosts')
    await page.close()

    const whole = await cloud.open('/ui/settings?search=metrics')
    await whole.getByText('may differ by: zone, cluster, host').waitFor()
    await whole.getByRole('combobox', { name: 'Where' }).selectOption('host')
    await whole.getByRole('combobox', { name: 'host', exact: true }).selectOption(String(hosts.items?.[0]?.id))
    await whole.getByText('inherited from the cluster').waitFor()
    await picture(whole, 'settings-host')
    await whole.getByRole('button', { name: 'History of metrics.interval_s' }).click()
    await whole
      .getByRole('dialog')
      .getByRole('cell', { name: `cluster ${cluster.name}` })
      .first()
      .waitFor()
    await checkAccessible(whole)
    await whole.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await whole.getByRole('combobox', { name: 'Where' }).selectOption('cluster')
    await whole.getByRole('combobox', { name: 'cluster', exact: true }).selectOption(cluster.id)
    await whole.getByRole('button', { name: 'Inherit again: metrics.interval_s' }).click()
    await whole.getByText('metrics.interval_s is 10 now').waitFor()
    await whole.getByText('the default').first().waitFor()
    assert.deepEqual(problemsOf(whole), [])
    await whole.close()
  })

  test('settings hold at once, say what they take, and go back to their standard', async () => {
    const page = await cloud.open('/ui/settings?search=keep')
    const days = page.getByRole('spinbutton', { name: 'event.keep_days' })
    await days.fill('7')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('event.keep_days is 7 now').waitFor()
    assert.equal(cloud.cloud.settings.get('event.keep_days'), 7)
    await checkAccessible(page)
    await picture(page, 'settings')
    await page.getByRole('button', { name: 'Back to the default: event.keep_days' }).click()
    await page.getByText('event.keep_days is 30 now').waitFor()
    await page.locator('input[type=number][value="30"]').waitFor()
    await page.getByRole('button', { name: 'History', exact: true }).click()
    const history = page.getByRole('dialog', { name: 'History' })
    await history.getByRole('cell', { name: 'event.keep_days' }).first().waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
