/** What is around all pages: the palette, saved views, a token that has run out, a stream that breaks off and goes on. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'

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

  test('a token that has run out leads to the sign-in, and from there on where one was', async () => {
    const token = await cloud.tokenOf(cloud.admin_user_id, cloud.project_id)
    const page = await cloud.open('/ui/flavors', { token: null })
    await page.evaluate(secret => sessionStorage.setItem('croft.token', secret), token)
    await page.reload()
    await page.getByRole('link', { name: 'small' }).click()
    await page.getByRole('heading', { name: 'small' }).waitFor()
    await cloud.request('DELETE', '/v1/session', { token })
    await page.getByRole('link', { name: 'Flavors' }).first().click()
    await page.getByText('Your session has ended').waitFor()
    await page.getByLabel('User name').fill('admin')
    await page.getByLabel('Password').fill(cloud.admin_password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: 'tiny' }).waitFor()
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
