/** The first journey: sign in, make an instance, see it run without a reload, stop it. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'

suite('instances in the browser', () => {
  let cloud: UiCloud

  before(async () => {
    cloud = await uiCloud()
    for (const name of ['host-1', 'host-2']) await addHost(cloud, name)
    await addImage(cloud)
    await addNetwork(cloud)
  })
  after(() => cloud.close())

  test('sign in, create, see it running without reload, stop it', async () => {
    const page = await cloud.open('/', { token: null })
    await page.getByLabel('User name').fill('admin')
    await page.getByLabel('Password').fill(cloud.admin_password)
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Welcome to your cloud' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'first-use')

    await page.getByRole('link', { name: 'Create your first instance' }).click()
    await page.getByLabel('Name').fill('web-1')
    await page.getByText('of 100 left').waitFor()
    await checkAccessible(page)
    await picture(page, 'create-instance')
    let loads = 0
    page.on('load', () => loads++)
    await page.getByRole('button', { name: 'Create instance' }).click()
    await page.getByRole('heading', { name: 'web-1' }).waitFor()
    await page.locator('header').getByText('running').waitFor()
    await checkAccessible(page)
    await page
      .getByRole('alert')
      .first()
      .waitFor({ state: 'detached' })
      .catch(() => undefined)
    await picture(page, 'instance')

    await page.getByRole('tab', { name: 'Placement' }).click()
    await page.getByRole('cell', { name: 'chosen' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'placement')
    await page.getByRole('tab', { name: 'Events' }).click()
    await page.getByRole('cell', { name: 'created' }).first().waitFor()

    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.locator('header').getByText('stopped').waitFor()
    assert.equal(loads, 0, 'nothing was loaded again')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a list follows what others do, and its sizes fit', async () => {
    const page = await cloud.open('/ui/instances')
    await page.getByRole('link', { name: 'web-1' }).waitFor()
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=small')
    const { body: images } = await cloud.request('GET', '/v1/images')
    const asked = { name: 'db', count: 30, flavor_id: flavors.items?.[0]?.id, image_id: images.items?.[0]?.id }
    await cloud.request('POST', '/v1/instances', { body: asked })
    await page.getByRole('link', { name: 'db-1', exact: true }).waitFor()
    await page.getByText('31 entries').waitFor()
    await checkAccessible(page)
    await picture(page, 'instances')
    await page.setViewportSize({ width: 400, height: 800 })
    await checkAccessible(page)
    await picture(page, 'instances-narrow')
    assert.equal(
      await page.evaluate('document.documentElement.scrollWidth'),
      400,
      'the page itself does not scroll sideways',
    )
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('dark, and German', async () => {
    const page = await cloud.open('/ui/instances', { dark: true, locale: 'de-DE' })
    await page.getByRole('heading', { name: 'Instanzen' }).waitFor()
    await page.getByRole('link', { name: 'db-1', exact: true }).waitFor()
    await checkAccessible(page)
    await picture(page, 'instances-dark')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
