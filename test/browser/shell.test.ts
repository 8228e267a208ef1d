/** What is around all pages: the palette, saved views, a token that has run out, a stream that breaks off and goes on. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'

suite('the shell in the browser', () => {
  let cloud: UiCloud

  before(async () => {
    cloud = await uiCloud()
  })
  after(() => cloud.close())

  test('the palette finds pages, things to do and things by name, by the keyboard alone', async () => {
    const page = await cloud.open('/ui/')
    await page.getByRole('heading', { name: 'Overview of default' }).waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Search' }).waitFor()
    await page.keyboard.type('mediu')
    await page.getByRole('option', { name: /medium/ }).waitFor()
    await checkAccessible(page)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'medium' }).waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Search' }).waitFor()
    await page.keyboard.type('create proj')
    await page.getByRole('option', { name: /Create project/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Create project' }).waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('menus and dialogs by the keyboard: the first field has the focus, and it comes back to where it was', async () => {
    const { body } = await cloud.request('GET', '/v1/clusters')
    const page = await cloud.open(`/ui/clusters/${String(body.items?.[0]?.id)}`)
    const focused = () => page.evaluate<string>('document.activeElement?.id || document.activeElement?.textContent')
    await page.getByRole('button', { name: 'Change', exact: true }).press('Enter')
    await page.locator('#field-name:focus').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await focused(), 'Change')
    await page.getByRole('button', { name: 'Actions', exact: true }).press('Enter')
    await page.locator('[role="menuitem"]:focus').waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await focused(), 'Actions')
    // What there is to choose from is not there yet.
    const made = await cloud.request('POST', '/v1/aggregates', { body: { name: 'racks' } })
    await page.goto(`${cloud.url}/ui/aggregates/${String(made.body.id)}`)
    const hosts = Promise.withResolvers<void>()
    await page.route('**/v1/hosts?limit=200*', async route => {
      await hosts.promise
      await route.continue()
    })
    await page.getByRole('button', { name: 'Add hosts' }).press('Enter')
    await page.locator('[role="dialog"] .pf-v6-c-modal-box__close button:focus').waitFor()
    hosts.resolve()
    await page.getByRole('dialog').getByText('There is nothing to choose from yet.').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a row’s menu opens at its button, by the keyboard too, and gives the focus back', async () => {
    const page = await cloud.open('/ui/flavors')
    const button = page.getByRole('button', { name: 'Actions of tiny' })
    await button.focus()
    await page.keyboard.press('Enter')
    await page.locator('[role="menuitem"]:focus').waitFor()
    assert.equal(await button.getAttribute('aria-expanded'), 'true')
    await page.keyboard.press('Escape')
    await page.getByRole('menuitem').first().waitFor({ state: 'detached' })
    await page.locator('button[aria-label="Actions of tiny"]:focus').waitFor()
    await button.click()
    await page.getByRole('menuitem').first().waitFor()
    await button.click()
    await page.getByRole('menuitem').first().waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Actions of small' }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByText('small').first().waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a view keeps filters and order under a name', async () => {
    const page = await cloud.open('/ui/flavors?search=l&sort=-name')
    await page.getByRole('link', { name: 'large' }).waitFor()
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'Save this view' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('with an l')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.goto(`${cloud.url}/ui/flavors`)
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'with an l' }).click()
    await page.getByRole('link', { name: 'tiny' }).waitFor({ state: 'detached' })
    assert.ok(page.url().endsWith('?search=l&sort=-name'))
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('what is answered by a refusal of the token that a switch of project gave back does not end the new session', async () => {
    const { body: user } = await cloud.request('GET', `/v1/users/${cloud.admin_user_id}`)
    const made = await cloud.request('POST', '/v1/projects', { body: { name: 'second', domain_id: user.domain_id } })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const page = await cloud.open('/ui/flavors/create', {
      token: await cloud.tokenOf(cloud.admin_user_id, cloud.project_id),
    })
    await page.getByLabel('Name').fill('late')
    const asked = page.waitForRequest(one => one.method() === 'POST' && one.url().endsWith('/v1/flavors'))
    const given_back = page.waitForResponse(
      answer => answer.request().method() === 'DELETE' && answer.url().endsWith('/v1/session'),
    )
    await page.route('**/v1/flavors', async route => {
      if (route.request().method() !== 'POST') return await route.continue()
      await given_back
      await route.continue()
    })
    const refused = page.waitForResponse(answer => answer.status() === 401)
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await asked
    await page.getByRole('button', { name: /admin/ }).click()
    await page.getByRole('menuitem', { name: 'second' }).click()
    // Its end is never told where nobody reads it any more.
    await refused
    await page.locator('#main:focus').waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await page.getByRole('link', { name: 'Flavors' }).first().click()
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    assert.equal(await page.getByText('Your session has ended').count(), 0)
    await page.close()
  })

  test('a token that has run out is asked for again, and what was typed is still there', async () => {
    const token = await cloud.tokenOf(cloud.admin_user_id, cloud.project_id)
    const page = await cloud.open('/ui/flavors', { token: null })
    await page.evaluate(secret => sessionStorage.setItem('croft.token', secret), token)
    await page.reload()
    await page.getByRole('link', { name: 'small' }).click()
    await page.getByRole('heading', { name: 'small' }).waitFor()
    await cloud.request('DELETE', '/v1/session', { token })
    await page.getByRole('link', { name: 'Flavors' }).first().click()
    await page.getByText('Your session has ended').waitFor()
    await checkAccessible(page)
    await page.getByLabel('Password').fill(cloud.admin_password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await page.getByRole('link', { name: 'Create flavor' }).click()
    await page.getByLabel('Name').fill('half-typed')
    const again = await page.evaluate(() => sessionStorage.getItem('croft.token'))
    await cloud.request('DELETE', '/v1/session', { token: again })
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByText('What you have typed is kept if you sign in again as admin').waitFor()
    assert.equal(await page.getByLabel('User name').inputValue(), 'admin')
    await picture(page, 'sign-in-again')
    assert.equal(await page.getByLabel('Name', { exact: true }).isVisible(), false)
    await page.getByLabel('Password').fill(cloud.admin_password)
    await page.keyboard.press('Enter')
    await page.getByText('Your session has ended').waitFor({ state: 'detached' })
    assert.equal(await page.getByLabel('Name').inputValue(), 'half-typed')
    assert.notEqual(await page.evaluate('document.activeElement.tagName'), 'BODY')
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByRole('heading', { name: 'half-typed', exact: true }).waitFor()
    // The refused call is on the browser's own record; nothing else is.
    assert.deepEqual(
      problemsOf(page).filter(problem => !problem.includes('401')),
      [],
    )
    await page.close()
  })

  test('what happens while the stream is broken off is seen when it goes on', async () => {
    const page = await cloud.open('/ui/flavors')
    await page.getByRole('link', { name: 'tiny' }).waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await page.context().setOffline(true)
    cloud.server.server.closeAllConnections()
    await page.getByRole('status').getByText('not live').waitFor()
    await cloud.request('POST', '/v1/flavors', { body: { name: 'unheard', vcpus: 1, memory_mib: 64, disk_gib: 1 } })
    assert.equal(await page.getByRole('link', { name: 'unheard' }).count(), 0)
    await page.context().setOffline(false)
    await page.getByRole('link', { name: 'unheard' }).waitFor()
    await page.getByText('not live').waitFor({ state: 'detached' })
    await page.close()
  })
})
