/** Networks as people work with them: made and joined, floating addresses, rules as sentences, would it pass, and the live picture. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, liftQuotas } from '../support/obedient-host.ts'

suite('networks in the browser', () => {
  let cloud: UiCloud
  let flavor_id: unknown
  let image_id: string

  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const answered = await cloud.request('POST', `/v1/${path}`, { body })
    assert.ok(answered.status < 300, `${path}: ${JSON.stringify(answered.body)}`)
    return answered.body
  }

  async function idOf(path: string, name: string): Promise<string> {
    const { body } = await cloud.request('GET', `/v1/${path}?name=${name}`)
    return String(body.items?.[0]?.id)
  }

  before(async () => {
    cloud = await uiCloud()
    for (const name of ['host-1', 'host-2']) await addHost(cloud, name)
    image_id = await addImage(cloud)
    await liftQuotas(cloud)
    const { body } = await cloud.request('GET', '/v1/flavors?name=small')
    flavor_id = body.items?.[0]?.id
    const outside = { name: 'internet', kind: 'external', shared: true, physical_network: 'external' }
    const { id } = await post('networks', outside)
    await post('subnets', { name: 'public', network_id: id, cidr: '203.0.113.0/24' })
  })
  after(() => cloud.close())

  async function fits(page: Page): Promise<void> {
    await page.setViewportSize({ width: 400, height: 800 })
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400, 'the page scrolls sideways')
    await page.setViewportSize({ width: 1400, height: 860 })
  }

  test('a network with a subnet, joined by a router; what is refused says why', async () => {
    const page = await cloud.open('/ui/networks/create')
    await page.getByLabel('Name').fill('front')
    await page.getByRole('button', { name: 'Create network' }).click()
    await page.getByRole('heading', { name: 'front' }).waitFor()
    await page.getByText('No subnet yet').waitFor()
    await page.getByRole('button', { name: 'Add subnet' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Range').fill('10.1.0.0/33')
    await dialog.getByRole('button', { name: 'Add subnet' }).click()
    await dialog
      .getByRole('alert')
      .getByText(/10\.1\.0\.0\/33/)
      .waitFor()
    await dialog.getByLabel('Range').fill('10.1.0.0/24')
    await dialog.getByLabel('Name servers').fill('9.9.9.9\n149.112.112.112')
    await dialog.getByRole('button', { name: 'Add subnet' }).click()
    await page.getByRole('cell', { name: '10.1.0.0/24' }).waitFor()
    await checkAccessible(page)
    await fits(page)
    await picture(page, 'network')

    await page.goto(`${cloud.url}/ui/routers/create`)
    await page.getByLabel('Name').fill('edge')
    await page.getByRole('button', { name: 'Create router' }).click()
    await page.getByRole('heading', { name: 'edge' }).waitFor()
    await page.getByRole('button', { name: 'Join a subnet' }).click()
    await page.getByRole('dialog').getByText('front-1 – 10.1.0.0/24').waitFor({ state: 'attached' })
    await page.getByRole('dialog').getByRole('button', { name: 'Join a subnet' }).click()
    await page.getByRole('cell', { name: '10.1.0.1', exact: true }).first().waitFor()
    await page.getByRole('button', { name: 'Actions', exact: true }).click()
    await page.getByText('It joins 1 subnet: leave them first.').waitFor()

    await page.goto(`${cloud.url}/ui/networks/${await idOf('networks', 'front')}`)
    await page.getByRole('button', { name: 'Delete: front-1' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page
      .getByText(/in use|router/i)
      .first()
      .waitFor()
    assert.deepEqual(
      problemsOf(page).filter(one => !one.includes('status of 4')),
      [],
    )
    await page.close()
  })

  test('rules as sentences; would this packet pass?', async () => {
    const { id } = await post('security-groups', { name: 'web', description: 'What the public reaches' })
    const page = await cloud.open(`/ui/security-groups/${String(id)}`)
    await page.getByText('Nothing comes in.').waitFor()
    await page.locator('.croft-verdict').getByText('does not pass').waitFor()
    await page.getByRole('button', { name: 'HTTPS' }).click()
    await page.getByRole('dialog').getByText('TCP port 443 (HTTPS) from anywhere (IPv4)').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Allow', exact: true }).click()
    const incoming = page.getByRole('list', { name: 'What may come in' })
    await incoming.getByText('TCP port 443 (HTTPS)').waitFor()

    await page.getByRole('button', { name: 'SSH', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('open to the whole internet').waitFor()
    await dialog.getByLabel('From or to').selectOption('cidr')
    await dialog.getByLabel('a range of addresses').fill('198.51.100.0/24')
    await dialog.getByLabel('Description').fill('the office')
    await dialog.getByRole('button', { name: 'Allow', exact: true }).click()
    await incoming.getByText('the office').waitFor()
    // What is wrong with ports is said where they are typed, by whom it may be: the page, or the API.
    await page.getByRole('button', { name: 'SSH', exact: true }).click()
    await dialog.getByLabel(/^What/).selectOption('custom')
    await dialog.getByLabel('Protocol').fill('tcp')
    const ports = dialog.getByLabel('Ports')
    await ports.fill('web')
    await dialog.getByRole('button', { name: 'Allow', exact: true }).click()
    assert.equal(await page.evaluate('document.querySelector("#field-ports").validity.patternMismatch'), true)
    await ports.fill('9000-8000')
    await dialog.getByRole('button', { name: 'Allow', exact: true }).click()
    await dialog.locator('#field-ports-help').getByText('is more than').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    // The answer follows the rules by itself.
    await page
      .locator('.croft-verdict')
      .getByText('By this rule of web: TCP port 22 (SSH) from 198.51.100.0/24')
      .waitFor()
    await page.getByLabel('From address').fill('192.0.2.1')
    await page.getByText('differs in address').waitFor()
    await post(`security-groups/${String(id)}/rules`, { direction: 'ingress', protocol: 'icmp' })
    await post(`security-groups/${String(id)}/rules`, {
      ...{ direction: 'ingress', protocol: 'tcp', port_min: 5432, remote_group_id: id },
    })
    await incoming.getByText('members of').waitFor()
    await checkAccessible(page)
    await fits(page)
    await page.getByText('TCP port 22 (SSH) from 198.51.100.0/24 (web)').waitFor()
    await picture(page, 'security-group')

    await page.getByRole('button', { name: 'Remove: all ICMP' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await incoming.getByText('ICMP').waitFor({ state: 'detached' })
    assert.deepEqual(
      problemsOf(page).filter(text => !text.includes('422')),
      [],
    )
    await page.close()
  })

  test('an instance’s NIC gets a floating address, and loses it', async () => {
    const network_id = await idOf('networks', 'front')
    await post('instances', { name: 'web', count: 3, flavor_id, image_id, networks: [{ network_id }] })
    const page = await cloud.open(`/ui/instances/${await idOf('instances', 'web-1')}/nics`)
    await page.getByRole('button', { name: /^Give a floating address to 10\.1\.0\./ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Give a floating address' }).click()
    await page.getByRole('link', { name: /^203\.0\.113\./ }).waitFor()
    await page.getByRole('link', { name: 'default' }).waitFor()
    await checkAccessible(page)
    await page.getByRole('button', { name: /^Take away 203/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Take away' }).click()
    await page.getByRole('button', { name: /^Give/ }).click()
    // What is there already is used again.
    await page.getByRole('dialog').getByLabel('Which').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Give a floating address' }).click()
    await page.getByRole('link', { name: /^203\.0\.113\./ }).waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the picture follows what happens, by keyboard, and as a table', async () => {
    const page = await cloud.open('/ui/topology')
    await page.getByRole('link', { name: 'web-1' }).waitFor()
    const back = await post('networks', { name: 'back' })
    await post('subnets', { name: 'back-1', network_id: back.id, cidr: '10.2.0.0/16' })
    const front = await idOf('networks', 'front')
    const both = [{ network_id: front }, { network_id: back.id }]
    await post('instances', { name: 'app', count: 2, flavor_id, image_id, networks: both })
    await post('instances', { name: 'runner', count: 40, flavor_id, image_id, networks: [{ network_id: back.id }] })
    await page.getByRole('link', { name: 'app-2' }).waitFor()
    await page.getByRole('button', { name: 'Show all 40' }).waitFor()
    const region = page.getByRole('region', { name: 'Instances on back', exact: true })
    await region.getByText('40').first().waitFor()
    await page.locator('.croft-state-counts').getByText('running').waitFor()
    await page.locator('.croft-state-counts').getByText('starting').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Fit View' }).click()
    await checkAccessible(page)
    await picture(page, 'topology')
    await page.getByRole('button', { name: 'Show all 40' }).click()
    await page.getByRole('link', { name: 'runner-40' }).waitFor()
    await page.getByRole('button', { name: 'Show fewer' }).click()
    await fits(page)

    await page.getByRole('button', { name: 'Table' }).click()
    await page.getByRole('cell', { name: 'Router', exact: true }).waitFor()
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Picture' }).click()
    await page.getByRole('link', { name: 'edge' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'edge' }).waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who only reads sees it all, and is told what is missing', async () => {
    const user_id = crypto.randomUUID()
    const { db } = cloud.cloud.database
    const { id: role_id } = await db
      .selectFrom('role')
      .select('id')
      .where('name', '=', 'reader')
      .executeTakeFirstOrThrow()
    const { domain_id, project_id } = cloud
    await db
      .insertInto('user')
      .values({
        id: user_id,
        domain_id,
        name: 'ruth',
        email: null,
        password_hash: null,
        default_project_id: project_id,
      })
      .execute()
    await db
      .insertInto('role_grant')
      .values({ id: crypto.randomUUID(), user_id, role_id, scope: 'project', domain_id: null, project_id })
      .execute()
    const token = await cloud.tokenOf(user_id, project_id)
    const page = await cloud.open(`/ui/security-groups/${await idOf('security-groups', 'web')}`, {
      ...{ token, dark: true, locale: 'de-DE' },
    })
    await page.getByText('TCP-Port 443 (HTTPS)').waitFor()
    assert.equal(await page.getByRole('button', { name: 'SSH', exact: true }).count(), 0)
    await page.goto(`${cloud.url}/ui/topology`)
    await page.getByRole('link', { name: 'app-2' }).waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
