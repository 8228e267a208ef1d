/** The three everyday personas: each sees what is theirs and nothing that is refused to them; buttons say why not. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'

suite('personas in the browser', () => {
  let cloud: UiCloud
  const tokens = new Map<string, string>()
  let instance_id = ''

  before(async () => {
    cloud = await uiCloud()
    for (const name of ['host-1', 'host-2', 'host-3']) await addHost(cloud, name)
    await addImage(cloud)
    await addNetwork(cloud)
    for (const role of ['operator', 'member', 'reader']) {
      const { body } = await cloud.request('POST', '/v1/users', { body: { name: `${role}-1` } })
      const user_id = String(body.id)
      const grant = { user_id, role, scope: 'project', project_id: cloud.project_id }
      assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
      tokens.set(role, await cloud.tokenOf(user_id, cloud.project_id))
    }
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const { body: images } = await cloud.request('GET', '/v1/images')
    const asked = { name: 'shop', flavor_id: flavors.items?.[0]?.id, image_id: images.items?.[0]?.id }
    const { body } = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=10' } })
    instance_id = String(body.items?.[0]?.id)
  })
  after(() => cloud.close())

  const open = (address: string, role: string) => cloud.open(address, { token: tokens.get(role) ?? null })

  async function menuOf(page: Page): Promise<string[]> {
    const links = page.getByRole('navigation', { name: 'Navigation' }).getByRole('link')
    await links.first().waitFor()
    return (await links.allTextContents()).map(text => text.trim())
  }

  test('who only operates: a calm portal with what is given to them', async () => {
    const page = await open('/ui/', 'operator')
    await page.getByRole('link', { name: 'shop' }).first().waitFor()
    assert.deepEqual(
      (await menuOf(page)).filter(place => place !== 'Key pairs'),
      ['Overview', 'Instances', 'Operations', 'Your account'],
    )
    assert.equal(await page.locator('a[href$="/create"]').count(), 0)
    await checkAccessible(page)
    await picture(page, 'portal')
    await page.getByRole('link', { name: 'shop' }).first().click()
    await page.locator('header').getByText('running').waitFor()
    await page.getByRole('button', { name: 'Start', exact: true }).hover()
    await page.getByRole('tooltip').waitFor()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.locator('header').getByText('stopped').waitFor()
    await page.getByRole('button', { name: 'Actions', exact: true }).click()
    assert.equal(await page.getByRole('menuitem', { name: 'Delete' }).count(), 0, 'what is another’s work is not there')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who was given one instance: that one, live as more is given and taken, and nothing else', async () => {
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'given-1' } })
    const give = async (instance_id: string) => {
      const grant = { user_id: user.id, role: 'operator', scope: 'instance', instance_id }
      const { status, body } = await cloud.request('POST', '/v1/role-grants', { body: grant })
      assert.equal(status, 201, JSON.stringify(body))
      return String(body.id)
    }
    const first = await give(instance_id)
    const token = await cloud.tokenOf(String(user.id), cloud.project_id)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const { body: images } = await cloud.request('GET', '/v1/images')
    const asked = { name: 'till', flavor_id: flavors.items?.[0]?.id, image_id: images.items?.[0]?.id }
    const { body: made } = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=10' } })
    const page = await cloud.open('/ui/instances', { token })
    await page.getByRole('link', { name: 'shop' }).first().waitFor()
    assert.equal(await page.getByRole('link', { name: 'till' }).count(), 0)
    assert.deepEqual(
      (await menuOf(page)).filter(place => place !== 'Key pairs'),
      ['Overview', 'Instances', 'Operations', 'Your account'],
    )
    const more = await give(String(made.items?.[0]?.id))
    await page.getByRole('link', { name: 'till' }).first().waitFor()
    await cloud.request('DELETE', `/v1/role-grants/${more}`)
    await page.getByRole('link', { name: 'till' }).first().waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'shop' }).first().click()
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor()
    await checkAccessible(page)
    await page.getByRole('tab', { name: 'Events' }).click()
    await page.getByRole('cell', { name: 'created' }).first().waitFor()
    assert.deepEqual(problemsOf(page), [])
    // Two are taken, the second before the page hears again after the first: nobody tells of it any more, and yet it is seen.
    const [asked_again, taken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const second = await give(String(made.items?.[0]?.id))
    await page.goto(`${cloud.url}/ui/instances`)
    await page.getByRole('link', { name: 'till' }).first().waitFor()
    await page.route('**/v1/event-stream*', async route => {
      asked_again.resolve()
      await taken.promise
      await route.continue()
    })
    await cloud.request('DELETE', `/v1/role-grants/${second}`)
    await asked_again.promise
    await cloud.request('DELETE', `/v1/role-grants/${first}`)
    taken.resolve()
    await page.getByRole('navigation').getByRole('link', { name: 'Instances' }).waitFor({ state: 'detached' })
    assert.deepEqual(
      problemsOf(page).filter(problem => !problem.includes('403')),
      [],
    )
    await page.close()
  })

  test('an instance is given to someone on its page', async () => {
    await cloud.request('POST', '/v1/users', { body: { name: 'grace' } })
    const page = await cloud.open(`/ui/instances/${instance_id}/people`)
    await page.getByRole('button', { name: 'Give it to someone' }).click()
    await page.locator('#field-user_id').selectOption({ label: 'grace' })
    await page
      .locator('#field-role')
      .selectOption({ label: 'operator – Operates existing instances: start, stop, reboot, console' })
    await checkAccessible(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Grant a role' }).click()
    await page.getByRole('row', { name: /grace/ }).waitFor()
    await checkAccessible(page)
    await picture(page, 'instance-people')
    await page.getByRole('button', { name: 'Revoke operator of grace' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await page.getByRole('row', { name: /grace/ }).waitFor({ state: 'detached' })
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who only looks has nothing to press', async () => {
    const page = await open(`/ui/instances/${instance_id}`, 'reader')
    await page.getByRole('heading', { name: 'shop' }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Stop', exact: true }).count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Actions', exact: true }).count(), 0)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the power user: a project, its quota, and no cloud', async () => {
    const page = await open('/ui/', 'member')
    await page.getByRole('heading', { name: 'Quota' }).waitFor()
    const menu = await menuOf(page)
    for (const place of ['Instances', 'Networks', 'Quota', 'Operations', 'Events', 'Projects', 'API keys'])
      assert.ok(menu.includes(place), `${place} is there`)
    for (const place of ['Hosts', 'Users', 'Roles', 'Domains', 'Audit log', 'Settings'])
      assert.ok(!menu.includes(place), `${place} is not`)
    await checkAccessible(page)
    await page.goto(`${cloud.url}/ui/projects/${cloud.project_id}/members`)
    await page.getByRole('cell', { name: 'member-1', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Add a member' }).hover()
    await page.getByRole('tooltip').getByText('user.manage').waitFor()
    await page.goto(`${cloud.url}/ui/quota`)
    await page.getByRole('button', { name: 'Change limits' }).hover()
    await page.getByRole('tooltip').waitFor()
    await page.locator('p.croft-muted', { hasText: 'Is it too little? Ask who runs your domain.' }).waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the operator: all of it, and first what needs them', async () => {
    const page = await cloud.open('/ui/')
    await page.getByRole('heading', { name: 'What needs you' }).waitFor()
    await page.getByRole('cell', { name: 'host-1' }).waitFor()
    const menu = await menuOf(page)
    for (const place of ['Hosts', 'Users', 'Roles', 'Domains', 'Audit log', 'Operations'])
      assert.ok(menu.includes(place), `${place} is there`)
    await page.getByRole('heading', { name: 'Quota' }).waitFor()
    await checkAccessible(page)
    await picture(page, 'dashboard')
    await page.goto(`${cloud.url}/ui/quota`)
    await page.getByText('You may change these limits here').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Change limits' }).getAttribute('aria-disabled'), null)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
