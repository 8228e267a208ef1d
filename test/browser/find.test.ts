/** Finding: lists by state, live; and the palette, by which things are found by all they are known by, and done with, by keyboard alone. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Instance, instanceRoutes } from '../../src/api/instance.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'
import { replyOf } from '../support/reply.ts'

suite('finding in the browser', () => {
  let cloud: UiCloud
  let host: ObedientHost
  let instances: Instance[]

  before(async () => {
    cloud = await uiCloud()
    host = await addHost(cloud, 'host-1')
    const network_id = await addNetwork(cloud)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const body = {
      name: 'web',
      count: 4,
      flavor_id: flavors.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks: [{ network_id }],
    }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    instances = replyOf(instanceRoutes.create, made).items
  })
  after(() => cloud.close())

  const act = (name: string, verb: string) => {
    const found = instances.find(one => one.name === name)
    return cloud.request('POST', `/v1/instances/${found?.id}/${verb}`, { body: {}, headers: { prefer: 'wait=10' } })
  }

  test('a list by state: filtered and sorted, in its address, and right as states change', async () => {
    await act('web-4', 'stop')
    const page = await cloud.open('/ui/instances')
    await page.getByRole('link', { name: 'web-4' }).waitFor()
    await page.getByRole('button', { name: 'State', exact: true }).first().click()
    await page.getByRole('menuitem', { name: 'running' }).click()
    await page.getByRole('link', { name: 'web-4' }).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'web-1' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'instances-by-state')
    await page.getByRole('menuitem', { name: 'paused' }).click()
    await page.waitForURL(/state=running%2Cpaused|state=running,paused/)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'State: running, paused' }).waitFor()
    await page.getByRole('button', { name: 'The same as CLI / API call' }).click()
    await page.locator('input[value="croft instance list --sort name --state running --state paused"]').waitFor()
    await page.locator('input[value*="state=running&state=paused"]').waitFor()
    await page.keyboard.press('Escape')
    await act('web-4', 'start')
    await page.getByRole('link', { name: 'web-4' }).waitFor()
    await act('web-2', 'stop')
    await page.getByRole('link', { name: 'web-2' }).waitFor({ state: 'detached' })
    await page.goto(`${cloud.url}/ui/instances?sort=-state`)
    const row = (n: number) => page.locator(`.croft-rows-body [aria-rowindex="${n + 1}"]`)
    await row(1).getByRole('link', { name: 'web-2' }).waitFor()
    await act('web-3', 'stop')
    await row(2).getByText('stopped').waitFor()
    await row(3).getByText('running').waitFor()
    // Of several chosen it is said with how many it was done, with which it was not, and why.
    await page.getByRole('checkbox', { name: 'Select all shown' }).check()
    const said = page.locator('.pf-v6-c-alert-group')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await said.getByText('Start: 2 of 4 done').waitFor()
    await said.getByText('web-1: It is running').waitFor()
    await checkAccessible(page)
    await picture(page, 'bulk')
    await said.getByRole('button', { name: 'Close' }).click()
    await act('web-2', 'stop')
    await page.locator('.croft-rows-body').getByText('stopped').waitFor()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByRole('dialog').getByText('1 of them is left as it is').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    host.failure = 'The disk is gone.'
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await said.getByText('Start: 0 of 4 done').waitFor()
    await said.getByText(/web-2: .*The disk is gone/).waitFor()
    host.failure = null
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('on a small screen the chosen tab is in view, however one came to it', async () => {
    const page = await cloud.open(`/ui/instances/${instances[0]?.id}/placement`, { width: 400, height: 800 })
    const tab = page.getByRole('tab', { name: 'Placement', selected: true })
    await tab.waitFor()
    const strip = page.getByRole('tablist')
    const fits = async () => {
      const [one, all] = [await tab.boundingBox(), await strip.boundingBox()]
      return one && all && one.x >= all.x - 1 && one.x + one.width <= all.x + all.width + 1
    }
    await eventually(async () => assert.ok(await fits()))
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the palette: by address, id and MAC; what is found is acted on, by the keyboard alone', async () => {
    const [one] = instances
    const [address] = one?.addresses ?? []
    assert.ok(one && address)
    const page = await cloud.open('/ui/')
    const found = async (text: string) => {
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox', { name: 'Search' }).waitFor()
      await page.keyboard.type(text)
    }
    await page.getByRole('heading', { name: 'Overview of default' }).waitFor()
    await found(address.address)
    await page.getByRole('option', { name: `web-1 Instance · ${address.address}` }).waitFor()
    await page.getByRole('option', { name: 'Stop: web-1' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'palette')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'web-1' }).waitFor()
    await found('stop web-1')
    await page.getByRole('option', { name: 'Stop: web-1' }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).waitFor()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.locator('header').getByText('stopped').waitFor()
    await found(one.id)
    await page.getByRole('option', { name: 'Start: web-1' }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('header').getByText('running').waitFor()
    await found('console web-1')
    await page.getByRole('option', { name: 'Console: web-1' }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('tab', { name: 'Console', selected: true }).waitFor()
    await found(address.mac)
    await page.getByRole('option', { name: `web-1 Instance · ${address.mac}` }).waitFor()
    await page.getByRole('button', { name: 'The same as CLI / API call' }).last().click()
    await page.locator(`input[value="croft search --all-projects ${address.mac}"]`).waitFor()
    await page.locator('input[value*="/v1/search?text="]').waitFor()
    await checkAccessible(page)
    await page.keyboard.press('Escape')
    // Typed and sent off before anything of it is looked for: what is meant is done, and not what stood first at that moment.
    await found('dark')
    await page.keyboard.press('Enter')
    await page.locator('html.pf-v6-theme-dark').waitFor()
    await found('web-1')
    await page.keyboard.press('Enter')
    await page.getByRole('tab', { name: 'Overview', selected: true }).waitFor()
    await found('sign out')
    await page.keyboard.press('Enter')
    await page.getByLabel('User name').waitFor()
    await page.close()
  })
})
