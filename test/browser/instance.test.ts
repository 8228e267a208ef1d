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
    // One goes on from the page’s top, as after any other way to it.
    assert.equal(await page.evaluate('document.activeElement.id'), 'main')
    for (const there of ['A host to run on: host-1, host-2', 'An image to start from: tiny', 'A network: net'])
      await page.getByText(there).waitFor()
    await checkAccessible(page)
    await picture(page, 'first-use')

    await page.getByRole('link', { name: 'Create your first instance' }).click()
    await page.getByLabel('Name').fill('web-1')
    await page.getByText('It would run on host-').waitFor()
    await page.getByText('99 of 100 left').waitFor()
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

  test('the form says where it would run, why not, and what is left, as the cloud changes', async () => {
    const page = await cloud.open('/ui/instances/create')
    const make = page.getByRole('button', { name: 'Create instance' })
    const hosts = page.getByRole('table', { name: 'Hosts that were looked at' })
    await page.getByText('It would run on host-').waitFor()
    const row = hosts.getByRole('row').filter({ hasText: 'chosen' })
    const chosen = (await row.getByRole('link').textContent()) ?? ''
    const { body: known } = await cloud.request('GET', '/v1/hosts')
    const id = String(known.items?.find(one => one.name === chosen)?.id)
    await cloud.request('PATCH', `/v1/hosts/${id}`, { body: { schedulable: false } })
    await hosts.getByText('takes no new instances').waitFor()
    await page.getByText('It is the one host that fits.').waitFor()
    await page.getByRole('button', { name: 'More choices' }).click()
    await page.getByLabel('How many').fill('300')
    await page.getByText('201 more than the 100 allowed').waitFor()
    await page.locator('#form-why-not').getByText('may have 100 instances').waitFor()
    assert.equal(await make.getAttribute('aria-disabled'), 'true')
    await checkAccessible(page)
    await page.locator('#field-name').fill('many')
    await page.locator('#field-name').press('Enter')
    // What happens while a first answer is on its way makes it be asked for again.
    await page.route(
      '**/v1/instances/plan',
      async route => {
        const response = await route.fetch()
        await cloud.request('PATCH', `/v1/hosts/${id}`, { body: { schedulable: true } })
        await route.fulfill({ response })
      },
      { times: 1 },
    )
    await page.getByLabel('How many').fill('3')
    await page.getByText('All 3 would run').waitFor()
    assert.equal(await make.getAttribute('aria-disabled'), null)
    assert.equal((await cloud.request('GET', '/v1/instances?name=many')).body.items?.length, 0)
    await hosts.getByText('takes no new instances').waitFor({ state: 'detached' })

    // Other ways to start, and whose keys let in: all unless some are left out.
    await cloud.request('POST', '/v1/key-pairs', { body: { name: 'laptop' } })
    await page.getByLabel('laptop').uncheck()
    await page.getByLabel('Start from').selectOption('network')
    await page.getByLabel('How many').fill('1')
    await page.getByLabel('Fixed addresses').fill('10.0.9.9')
    const asked = page.waitForRequest(request => request.url().endsWith('/v1/instances') && request.method() === 'POST')
    await page.locator('#form-why-not').waitFor({ state: 'detached' })
    await make.click()
    const { boot, image_id, key_names, networks } = (await asked).postDataJSON() as Record<string, unknown>
    assert.deepEqual([boot, image_id, key_names], ['network', undefined, []])
    assert.equal((networks as { fixed_addresses: string[] }[])[0]?.fixed_addresses[0], '10.0.9.9')
    await page.locator('header').getByText('running').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who runs a project reads whether there is room, and nothing of hosts', async () => {
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'member-1' } })
    const grant = { user_id: user.id, role: 'member', scope: 'project', project_id: cloud.project_id }
    await cloud.request('POST', '/v1/role-grants', { body: grant })
    const token = await cloud.tokenOf(String(user.id), cloud.project_id)
    const giant = { name: 'giant', vcpus: 4, memory_mib: 390 * 1024, disk_gib: 1 }
    await cloud.request('POST', '/v1/flavors', { body: giant })
    const page = await cloud.open('/ui/instances/create', {
      token,
      dark: true,
      locale: 'de-DE',
      width: 400,
      height: 1500,
    })
    await page.getByText('ist Platz für sie').waitFor()
    await page.getByLabel('Größe').selectOption({ label: 'giant – 4 vCPUs, 390 GiB Speicher, 1 GiB Platte' })
    await page.getByText('2 haben zu wenig Speicher frei').waitFor()
    assert.equal(await page.getByText('host-1').count(), 0)
    await page.getByRole('button', { name: 'Noch einmal nachsehen' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'create-instance-refused')
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400)
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
    await page.getByText('32 entries').waitFor()
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
