/** Each kind of error as people meet it: what happened, why, and a way on, with nothing lost that was typed. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Page } from 'playwright-core'
import { checkAccessible, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addImage, addNetwork } from '../support/obedient-host.ts'

// Most of the time is waiting for the next try: they wait beside each other.
suite('errors in the browser', { concurrency: 3 }, () => {
  let cloud: UiCloud
  let network_id = ''

  before(async () => {
    cloud = await uiCloud()
    await addImage(cloud)
    await addNetwork(cloud)
    const { body } = await cloud.request('GET', '/v1/networks')
    network_id = String(body.items?.[0]?.id)
  })
  after(() => cloud.close())

  /** The browser itself notes every refused call; nothing else may be wrong. */
  async function ends(page: Page, ...statuses: number[]): Promise<void> {
    const noted = statuses.map(status => `status of ${status}`)
    const others = problemsOf(page).filter(
      problem => !noted.some(one => problem.includes(one)) && !problem.includes('net::ERR_'),
    )
    assert.deepEqual(others, [])
    await page.close()
  }

  async function userWith(role: string): Promise<{ token: string; grant_id: string }> {
    const { body: user } = await cloud.request('POST', '/v1/users', {
      body: { name: `${role}-${crypto.randomUUID()}` },
    })
    const asked = { user_id: user.id, role, scope: 'project', project_id: cloud.project_id }
    const { body: grant } = await cloud.request('POST', '/v1/role-grants', { body: asked })
    return { token: await cloud.tokenOf(String(user.id), cloud.project_id), grant_id: String(grant.id) }
  }

  async function flavor(name: string): Promise<string> {
    const { body } = await cloud.request('POST', '/v1/flavors', {
      body: { name, vcpus: 1, memory_mib: 64, disk_gib: 1 },
    })
    return String(body.id)
  }

  test('403: a right that was taken away meanwhile', async () => {
    const { token, grant_id } = await userWith('member')
    const page = await cloud.open('/ui/security-groups/create', { token })
    await page.getByLabel('Name').fill('mine')
    await cloud.request('DELETE', `/v1/role-grants/${grant_id}`)
    await page.getByRole('button', { name: 'Create security group' }).click()
    const alert = page.getByRole('alert')
    await alert.getByText('Not permitted').waitFor()
    await alert.getByText('security-group.manage').waitFor()
    await alert.getByText('An administrator can grant a role').waitFor()
    assert.equal(await page.getByLabel('Name').inputValue(), 'mine')
    await ends(page, 403)
  })

  test('404: what one looks at is deleted by another; what never was', async () => {
    const id = await flavor('fleeting')
    const page = await cloud.open(`/ui/flavors/${id}`)
    await page.getByRole('heading', { name: 'fleeting' }).waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await cloud.request('DELETE', `/v1/flavors/${id}`)
    await page.getByText('It may have been deleted').waitFor()
    await page.getByRole('main').getByRole('link', { name: 'Flavors' }).click()
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await page.goto(`${cloud.url}/ui/nothing-such`)
    await page.getByText('There is no such page').waitFor()
    await ends(page, 404)
  })

  test('409: a name that is taken is said at its field', async () => {
    const page = await cloud.open('/ui/flavors/create')
    await page.getByLabel('Name').fill('tiny')
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.locator('#field-name[aria-invalid="true"]').waitFor()
    await page.locator('#field-name-help').getByText("There is a flavor 'tiny' already").waitFor()
    assert.equal(await page.evaluate('document.activeElement?.id'), 'field-name')
    await checkAccessible(page)
    await page.getByLabel('Name').fill('tinier')
    await page.locator('#field-name[aria-invalid="true"]').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByRole('heading', { name: 'tinier' }).waitFor()
    await ends(page, 409)
  })

  test('409: what cannot be deleted keeps its page, and says why', async () => {
    const { body: network } = await cloud.request('POST', '/v1/networks', { body: { name: 'in-use' } })
    const cidr = { network_id: network.id, name: 'in-use', cidr: '10.77.0.0/24' }
    await cloud.request('POST', '/v1/subnets', { body: cidr })
    const port = await cloud.request('POST', '/v1/ports', { body: { network_id: network.id } })
    assert.equal(port.status, 201, JSON.stringify(port.body))
    const page = await cloud.open(`/ui/networks/${String(network.id)}`)
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.locator('.pf-v6-c-alert-group').getByText('Still in use').waitFor()
    assert.ok(page.url().endsWith(`/ui/networks/${String(network.id)}`))
    await page.getByRole('heading', { name: 'in-use', exact: true }).waitFor()
    await ends(page, 409)
  })

  test('what cannot be read is said, and nothing else is made of it', async () => {
    const page = await cloud.open('/ui/', { token: null })
    await page.evaluate(secret => sessionStorage.setItem('croft.token', secret), cloud.admin)
    for (const path of ['instances', 'clusters', 'operations'])
      await page.route(`**/v1/${path}?*`, route => route.fulfill({ status: 404, json: { title: 'Not here' } }))
    await page.goto(`${cloud.url}/ui/`)
    await page.getByRole('alert').nth(2).waitFor()
    assert.equal(await page.getByText('Welcome to your cloud').count(), 0)
    await checkAccessible(page)
    await ends(page, 404)
  })

  test('a page whose code is not there any more, as after an upgrade, says what helps', async () => {
    const page = await cloud.open('/ui/flavors')
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await page.route('**/ui/assets/*.js', route => route.fulfill({ status: 404, body: '' }))
    await page.getByRole('link', { name: 'Topology' }).click()
    await page.getByText('This part of the page cannot be shown').waitFor()
    await checkAccessible(page)
    await page.unroute('**/ui/assets/*.js')
    await page.getByRole('button', { name: 'Load the page anew' }).click()
    await page.getByRole('heading', { name: 'Topology' }).waitFor()
    await page.close()
  })

  test('412: another was quicker; one’s own change goes on top of theirs', async () => {
    const page = await cloud.open(`/ui/networks/${network_id}`)
    await page.getByRole('button', { name: 'Edit' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('mine')
    const theirs = await cloud.request('PATCH', `/v1/networks/${network_id}`, { body: { mtu: 1300 } })
    assert.equal(theirs.status, 200)
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByText('It has been changed meanwhile').waitFor()
    await dialog.getByText('Someone changed it while this form was open').waitFor()
    await checkAccessible(page)
    await dialog.getByRole('button', { name: 'Save my changes on top of theirs' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('heading', { name: 'mine' }).waitFor()
    const { body } = await cloud.request('GET', `/v1/networks/${network_id}`)
    assert.deepEqual([body.name, body.mtu], ['mine', 1300])
    await ends(page, 412)
  })

  test('422: faults stand at their fields, also in what is folded away', async () => {
    const page = await cloud.open(`/ui/subnets/create`)
    await page.locator('#field-network_id').selectOption(network_id)
    await page.locator('#field-name').fill('wrong')
    await page.locator('#field-cidr').fill('10.0.0.0')
    await page.getByRole('button', { name: 'Add subnet' }).click()
    await page.locator('#field-cidr[aria-invalid="true"]').waitFor()
    await page.locator('#field-cidr-help').getByText("'10.0.0.0' is not a CIDR").waitFor()
    await page.goto(`${cloud.url}/ui/flavors/create`)
    await page.getByLabel('Name').fill('folded')
    await page.getByRole('button', { name: 'More choices' }).click()
    await page.getByLabel('Swap disk').fill('-1')
    await page.getByRole('button', { name: 'More choices' }).click()
    await page.getByLabel('Swap disk').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByLabel('Swap disk').waitFor({ state: 'visible' })
    await ends(page, 422)
  })

  test('429: too many guesses lock one out, and it says for how long', async () => {
    for (let n = 0; n < 5; n++)
      await cloud.request('POST', '/v1/sign-in', { token: null, body: { user: 'guessed', password: 'wrong' } })
    const page = await cloud.open('/ui/', { token: null })
    await page.getByLabel('User name').fill('guessed')
    await page.getByLabel('Password').fill('wrong again')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Locked out after too many failed sign-ins').waitFor()
    assert.equal(await page.getByLabel('User name').inputValue(), 'guessed')
    await ends(page, 401, 429)
  })

  test('500: says that it is Croft’s fault, whom to ask and by which request; then it goes on', async () => {
    const { db } = cloud.cloud.database
    await sql`alter table key_pair rename to key_pair_away`.execute(db)
    const page = await cloud.open('/ui/key-pairs')
    const alert = page.getByRole('alert')
    await alert.getByText('Something is wrong inside Croft').waitFor()
    assert.match((await alert.locator('.croft-request').textContent()) ?? '', /[0-9a-f]{8}-/)
    await checkAccessible(page)
    await sql`alter table key_pair_away rename to key_pair`.execute(db)
    await alert.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('Key pairs: none yet').waitFor()
    await ends(page, 500)
  })

  test('503: a controller that is away, seen by a proxy’s page, is waited for and found again', async () => {
    const page = await cloud.open('/ui/', { token: null })
    await page.evaluate(secret => sessionStorage.setItem('croft.token', secret), cloud.admin)
    await page.route('**/v1/**', route =>
      route.fulfill({ status: 503, contentType: 'text/html', body: '<h1>Bad</h1>' }),
    )
    await page.goto(`${cloud.url}/ui/flavors`)
    await page.getByText('Something else than Croft answered').waitFor()
    await page.getByText('most likely from a proxy in between').waitFor()
    await checkAccessible(page)
    await page.unroute('**/v1/**')
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await flavor('after-503')
    await page.getByRole('link', { name: 'after-503' }).waitFor()
    await ends(page, 503)
  })

  test('a stream that cannot be opened is tried again; what happened meanwhile is seen then', async () => {
    const page = await cloud.open('/ui/', { token: null })
    await page.evaluate(secret => sessionStorage.setItem('croft.token', secret), cloud.admin)
    await page.route('**/v1/event-stream*', route => route.abort('connectionrefused'))
    await page.goto(`${cloud.url}/ui/flavors`)
    await page.getByRole('status').getByText('not live').waitFor()
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await flavor('unheard-of')
    await page.unroute('**/v1/event-stream*')
    await page.getByRole('link', { name: 'unheard-of' }).waitFor()
    await page.getByText('not live').waitFor({ state: 'detached' })
    await ends(page)
  })

  test('offline: a form waits, and is done once however often one tries', async () => {
    const page = await cloud.open('/ui/flavors/create')
    await page.getByLabel('Name').fill('once')
    // The request arrives; its answer does not.
    await page.route('**/v1/flavors', async route => {
      await route.fetch()
      await route.abort('connectionreset')
    })
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByRole('alert').getByText('The controller does not answer').waitFor()
    await page.unroute('**/v1/flavors')
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByRole('heading', { name: 'once' }).waitFor()
    const { body } = await cloud.request('GET', '/v1/flavors?name=once')
    assert.equal(body.items?.length, 1)
    await ends(page)
  })

  test('quota exceeded: says which, how much, and whom to ask', async () => {
    const { status } = await cloud.request('PUT', `/v1/quotas/project/${cloud.project_id}`, { body: { networks: 0 } })
    assert.equal(status, 200)
    const page = await cloud.open('/ui/networks/create')
    await page.getByLabel('Name').fill('one-too-many')
    await page.getByRole('button', { name: 'Create network' }).click()
    await page.getByRole('alert').getByText('Quota exceeded').waitFor()
    await page
      .getByRole('alert')
      .getByText(/networks/)
      .first()
      .waitFor()
    await ends(page, 409)
  })

  test('no capacity: the form says so before; refused all the same, each host’s answer is there', async () => {
    const page = await cloud.open('/ui/instances/create')
    await page.locator('#field-name').fill('nowhere')
    const button = page.getByRole('button', { name: 'Create instance' })
    await page.locator('#form-why-not').waitFor()
    assert.equal(await button.getAttribute('aria-disabled'), 'true')
    // Between what the form was told and what is asked of it, another may take the room: as if it had not been told.
    await page.route('**/v1/instances/plan', route => route.abort('connectionrefused'))
    await page.reload()
    await page.locator('#field-name').fill('nowhere')
    await button.click()
    const form = page.locator('form')
    await form.getByText('No host can take it').waitFor()
    await form.getByText('there is no host yet').waitFor()
    await form.getByRole('button', { name: 'What each host said' }).click()
    await form.getByText('No decision is kept').waitFor()
    await ends(page, 409)
  })
})
