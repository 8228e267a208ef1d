/** Journeys of who runs the access: a project with its quota and members, a user, a role, an API key, the audit log. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost } from '../support/obedient-host.ts'

suite('access in the browser', () => {
  let cloud: UiCloud

  before(async () => {
    cloud = await uiCloud()
  })
  after(() => cloud.close())

  test('a project, a user who becomes its member, and a limit', async () => {
    const page = await cloud.open('/ui/projects/create')
    await page.getByLabel('Name').fill('shop')
    await page.getByRole('button', { name: 'Create project' }).click()
    await page.getByRole('heading', { name: 'shop' }).waitFor()
    const project = page.url()

    await page.goto(`${cloud.url}/ui/users/create`)
    await page.getByLabel('User name').fill('ann')
    await page.getByLabel('E-mail').fill('ann@example.org')
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Create user' }).click()
    await page.getByRole('heading', { name: 'ann' }).waitFor()
    await page.getByText('Holds no role').waitFor()
    await page.getByRole('button', { name: 'Edit' }).waitFor()

    await page.goto(`${project}/members`)
    await page.getByRole('button', { name: 'Add a member' }).click()
    await page.getByRole('dialog').getByLabel('User').selectOption({ label: 'ann' })
    await page
      .getByRole('dialog')
      .getByLabel('Role')
      .selectOption({ label: 'member – Creates and runs resources inside the quota' })
    await checkAccessible(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Grant a role' }).click()
    await page.getByRole('cell', { name: 'ann', exact: true }).waitFor()

    await page.getByRole('tab', { name: 'Quota' }).click()
    await page.getByRole('button', { name: 'Change limits' }).click()
    await page.getByRole('spinbutton', { name: 'Instances' }).fill('7')
    await page.getByRole('spinbutton', { name: 'Networks' }).fill('')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('0 of 7').waitFor()
    await page.getByText('0, no limit').waitFor()
    await page.getByRole('tab', { name: 'Overview' }).click()
    await page.getByText('0 of 7').waitFor()
    await checkAccessible(page)
    await picture(page, 'project')

    await page.getByRole('tab', { name: 'Members' }).click()
    await page.getByRole('button', { name: 'Revoke member of ann' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await page.getByText('Nobody holds a role here').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a list of users follows; one is disabled; no one deletes themselves', async () => {
    const page = await cloud.open('/ui/users')
    await page.getByRole('link', { name: 'admin' }).first().waitFor()
    await cloud.request('POST', '/v1/users', { body: { name: 'ben' } })
    await page.getByRole('link', { name: 'ben' }).click()
    await page.getByRole('button', { name: 'Actions', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Disable' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
    await page.locator('header').getByText('disabled').waitFor()
    await page.goto(`${cloud.url}/ui/users/${cloud.admin_user_id}`)
    await page.getByRole('button', { name: 'Actions', exact: true }).click()
    await page.getByText('You cannot delete yourself').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('roles: those of Croft stay as they are, others are composed', async () => {
    const page = await cloud.open('/ui/roles')
    await page.getByRole('link', { name: 'operator', exact: true }).click()
    await page.getByText('Start, stop, reboot, console, recover.').waitFor()
    await page.getByRole('button', { name: 'Edit' }).hover()
    await page.getByRole('tooltip').getByText('comes with Croft').waitFor()
    await page.getByRole('link', { name: 'Roles' }).last().click()
    await page.getByRole('link', { name: 'member' }).click()
    await page.getByText('Take, associate and release public addresses.').waitFor()
    await picture(page, 'role')
    await page.goto(`${cloud.url}/ui/roles/create`)
    await page.getByLabel('Name').fill('night watch')
    await page.getByRole('checkbox', { name: 'Operate instances' }).check()
    await page.getByRole('checkbox', { name: 'What happens' }).check()
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Compose role' }).click()
    await page.getByRole('heading', { name: 'night watch' }).waitFor()
    await page.getByText('Read the audit log').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('an API key shows its secret once, and is good for something', async () => {
    const page = await cloud.open('/ui/api-keys/create')
    await page.getByLabel('Name').fill('ci')
    await page.getByRole('button', { name: 'Create API key' }).click()
    const secret = await page.getByRole('dialog').getByLabel('Secret').inputValue()
    await checkAccessible(page)
    const { body } = await cloud.request('GET', '/v1/session', { token: secret })
    assert.equal((body.user as { name: string }).name, 'admin')
    await page.getByRole('button', { name: 'I have it' }).click()
    await page.getByRole('link', { name: 'ci' }).waitFor()
    assert.equal((await page.content()).includes(secret), false)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the audit log: live, filtered by URL, whole; events and operations beside it', async () => {
    const page = await cloud.open('/ui/audit')
    await page.getByRole('cell', { name: 'user.create' }).first().waitFor()
    await cloud.request('POST', '/v1/projects', { body: { name: 'heard' } })
    await page.getByRole('cell', { name: 'project.create' }).nth(1).waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await cloud.request('POST', '/v1/users', { body: { name: 'ann' } })
    // Nothing has changed, and yet it is there: a refusal is told, too.
    await page.getByText('refused: The name is taken').waitFor()
    await page.getByRole('button', { name: 'Check the chain' }).click()
    await page.getByText('Nothing was changed').waitFor()
    await checkAccessible(page)
    await page.getByLabel('Outcome').selectOption('Refused')
    await page.getByText('refused: The name is taken').waitFor()
    assert.ok(page.url().endsWith('?refused=true'))
    await page.goto(`${cloud.url}/ui/audit`)
    await page.getByText('refused: The name is taken').first().waitFor()
    await picture(page, 'audit')
    // What a row is about leads to its page, also where the action is called after something else.
    const host = await addHost(cloud, 'h1')
    await cloud.request('PUT', `/v1/quotas/project/${cloud.project_id}`, { body: { instances: 7 } })
    await cloud.request('POST', `/v1/hosts/${host.id}/maintenance`, { body: {} })
    for (const [action, address] of [
      ['quota.set', `/ui/projects/${cloud.project_id}`],
      ['maintenance.start', `/ui/hosts/${host.id}`],
    ] as const) {
      const row = page.getByRole('row').filter({ has: page.getByRole('cell', { name: action }) })
      await row.first().locator(`a[href="${address}"]`).waitFor()
    }
    await page.goto(`${cloud.url}/ui/events?noun=project&all_projects=true`)
    await page.getByRole('cell', { name: 'created' }).first().waitFor()
    await checkAccessible(page)
    await page.goto(`${cloud.url}/ui/operations?failed=true`)
    await page.getByText('Nothing fits these filters').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('domains lie in a tree; one’s own account', async () => {
    const { body } = await cloud.request('POST', '/v1/domains', { body: { name: 'acme' } })
    await cloud.request('POST', '/v1/domains', { body: { name: 'acme-lab', parent_id: body.id } })
    const page = await cloud.open(`/ui/domains/${String(body.id)}`)
    await page.getByRole('link', { name: 'acme-lab' }).waitFor()
    await page.getByText('No projects in it.').waitFor()
    await checkAccessible(page)
    await page.goto(`${cloud.url}/ui/account`)
    await page.getByRole('cell', { name: 'everywhere' }).waitFor()
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByLabel('Your password until now').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
