/** The first page: what needs an operator, each line as it happens and gone when it is over; and operations given up. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

suite('the dashboard in the browser', () => {
  let cloud: UiCloud
  const hosts: ObedientHost[] = []
  let image_id = ''
  let flavor_id = ''

  before(async () => {
    cloud = await uiCloud()
    for (const name of ['host-1', 'host-2', 'host-3']) hosts.push(await addHost(cloud, name))
    image_id = await addImage(cloud)
    await addNetwork(cloud)
    const { body } = await cloud.request('GET', '/v1/flavors?name=tiny')
    flavor_id = String(body.items?.[0]?.id)
  })
  after(() => cloud.close())

  const host = (n: number) => hosts[n] as ObedientHost
  const create = (name: string, headers = {}) =>
    cloud.request('POST', '/v1/instances', { body: { name, image_id, flavor_id }, headers })

  test('trouble: a silent host, strangers, what the database does not know, what failed; and all well again', async () => {
    const page = await cloud.open('/ui/')
    await page.getByText('All well: 3 hosts answer').waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })

    await host(0).disconnect()
    await page.getByText('1 host does not answer, since').waitFor()
    await page.getByRole('link', { name: 'host-1' }).first().waitFor()

    await host(1).tellForeign([{ uuid: crypto.randomUUID(), name: 'someone-elses', state: 'running' }])
    await page.getByText('1 host has guests that are not Croft’s').waitFor()

    // Come back with an instance that the database knows nothing of.
    await host(2).disconnect()
    host(2).holds = [{ id: crypto.randomUUID(), generation: 3, details_version: 1, power: 'running' }]
    await host(2).connect()
    await page.getByText('1 host knows other things than the database').waitFor()

    for (const one of hosts) one.failure = 'no bootable device'
    await create('broken', { prefer: 'wait=10' })
    await page.getByText('1 operation failed in the last day').waitFor()
    await page.getByText('no bootable device', { exact: true }).first().waitFor()
    await checkAccessible(page)
    await picture(page, 'dashboard-trouble')
    for (const one of hosts) one.failure = null

    await host(0).connect()
    await page.getByText('1 host does not answer, since').waitFor({ state: 'detached' })
    await host(1).tellForeign([])
    await page.getByText('guests that are not Croft’s').waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'All of them' }).first().click()
    await page.getByRole('heading', { name: 'Operations' }).waitFor()
    assert.match(page.url(), /failed=true/)
    await page.getByRole('link', { name: 'Create instance' }).first().waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('an operation that waits is given up, from its list or its page; what cannot be says why', async () => {
    for (const one of hosts) one.silent = true
    const { body } = await create('waiting-1')
    const operation = body.operation as { id: string }
    const page = await cloud.open('/ui/operations?open=true')
    await page.getByRole('link', { name: 'Create instance' }).waitFor()
    await create('waiting-2')
    await page.getByRole('row').nth(2).waitFor()
    await page.getByLabel('Select all shown').check()
    await page.getByRole('region', { name: 'Selected' }).getByRole('button', { name: 'Cancel it' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click()
    await page.getByText('2 of 2 done').first().waitFor()
    await page.getByText('Nothing fits these filters').waitFor()

    await page.goto(`${cloud.url}/ui/operations/${operation.id}`)
    await page.locator('header').getByText('cancelled').waitFor()
    await page.getByRole('button', { name: 'Cancel it' }).hover()
    await page.getByRole('tooltip').getByText('It has ended already: cancelled').waitFor()

    for (const one of hosts) one.silent = false
    const { body: made } = await create('steady', { prefer: 'wait=10' })
    for (const one of hosts) one.silent = true
    const stop = `/v1/instances/${String(made.items?.[0]?.id)}/stop`
    const { body: stopped } = await cloud.request('POST', stop, { body: {} })
    await page.goto(`${cloud.url}/ui/operations/${(stopped.operation as { id: string }).id}`)
    await page.getByRole('heading', { name: 'Stop' }).waitFor()
    await page.getByRole('button', { name: 'Cancel it' }).hover()
    await page.getByRole('tooltip').getByText('It cannot be taken back (Stop)').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('of many things some fail: the notice names them and why, and the operation has a table of them', async () => {
    for (const one of hosts) one.silent = false
    const { body } = await cloud.request('POST', '/v1/instances', {
      body: { name: 'lot', image_id, flavor_id, count: 4 },
      headers: { prefer: 'wait=10' },
    })
    const operation = body.operation as { id: string }
    const page = await cloud.open('/ui/instances?search=lot')
    const bulk = async (verb: string) => {
      await page.getByRole('region', { name: 'Selected' }).getByRole('button', { name: verb, exact: true }).click()
    }
    await page.getByRole('link', { name: 'lot-4' }).waitFor()
    await page.getByLabel('Select all shown').check()
    await bulk('Stop')
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.getByText('Stop: 4 of 4 done').first().waitFor()
    // One is refused before it is asked, one by its host.
    const lot = (n: number) => String(body.items?.find(one => one.name === `lot-${n}`)?.id)
    await cloud.request('POST', `/v1/instances/${lot(1)}/start`, { body: {}, headers: { prefer: 'wait=10' } })
    await page.locator('.croft-body-row', { hasText: 'lot-1' }).getByText('running').waitFor()
    for (const one of hosts) {
      one.failure = 'the disk is broken'
      one.fails = wanted => wanted.metadata.name === 'lot-3'
    }
    await bulk('Start')
    const notice = page.locator('.pf-v6-c-alert', { hasText: 'Start: 2 of 4 done' }).first()
    await notice.getByText('lot-3: the disk is broken').waitFor()
    await notice.getByText('lot-1: It is running').waitFor()
    await checkAccessible(page)
    await picture(page, 'bulk-some-failed')

    // A batch made anew, watched as it goes on.
    for (const one of hosts) one.silent = true
    const made = await cloud.request('POST', '/v1/instances', {
      body: { name: 'batch', image_id, flavor_id, count: 3 },
    })
    for (const one of hosts) one.fails = wanted => wanted.metadata.name === 'batch-2'
    await page.goto(`${cloud.url}/ui/operations/${(made.body.operation as { id: string }).id}`)
    await page.getByRole('button', { name: 'All (3)', pressed: true }).waitFor()
    await page.getByRole('link', { name: 'batch-1' }).waitFor()
    for (const one of hosts) {
      one.silent = false
      one.tell()
    }
    await page.getByRole('button', { name: 'Failed (1)', pressed: true }).waitFor()
    const row = page.getByRole('row').filter({ hasText: 'batch-2' })
    await row.getByText('the disk is broken').waitFor()
    await page.getByRole('link', { name: 'batch-1' }).waitFor({ state: 'detached' })
    await checkAccessible(page)
    await picture(page, 'operation-targets')
    await page.getByRole('button', { name: 'Done (2)' }).click()
    await page.getByRole('link', { name: 'batch-3' }).waitFor()
    assert.match(page.url(), /outcome=succeeded/)
    await page.goto(`${cloud.url}/ui/operations/${operation.id}`)
    await page.getByRole('button', { name: 'All (4)', pressed: true }).waitFor()
    for (const one of hosts) one.failure = one.fails = null
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who only operates finds the other projects that have something for them', async () => {
    const { body: project } = await cloud.request('POST', '/v1/projects', { body: { name: 'second' } })
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'op' } })
    for (const project_id of [cloud.project_id, project.id]) {
      const grant = { user_id: user.id, role: 'operator', scope: 'project', project_id }
      assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    }
    const page = await cloud.open('/ui/', { token: await cloud.tokenOf(String(user.id), cloud.project_id) })
    await page.getByRole('button', { name: 'Work in second' }).click()
    await page.getByRole('heading', { name: 'Overview of second' }).waitFor()
    await page.getByText('No instances have been given to you yet').waitFor()
    await page.getByRole('button', { name: 'Work in default' }).waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who holds nothing is told so, and sees at once what is given, and what is taken', async () => {
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'newcomer' } })
    const page = await cloud.open('/ui/', { token: await cloud.tokenOf(String(user.id)) })
    await page.getByText('Nothing has been given to you yet').waitFor()
    assert.equal(await page.getByText('not live').count(), 0)
    await checkAccessible(page)
    const grant = { user_id: user.id, role: 'operator', scope: 'project', project_id: cloud.project_id }
    const given = await cloud.request('POST', '/v1/role-grants', { body: grant })
    assert.equal(given.status, 201)
    await page.getByRole('heading', { name: 'Overview of default' }).waitFor()
    await cloud.request('DELETE', `/v1/role-grants/${String(given.body.id)}`)
    await page.getByText('Nothing has been given to you yet').waitFor()
    const made = await create('given-singly')
    const singly = { user_id: user.id, role: 'operator', scope: 'instance', instance_id: made.body.items?.[0]?.id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: singly })).status, 201)
    await page.getByRole('link', { name: 'given-singly' }).first().waitFor()
    // What was on its way as the right went, or with the token of the project before, was refused, and Chromium says so.
    assert.deepEqual(
      problemsOf(page).filter(one => !/status of 40[1349]/.test(one)),
      [],
    )
    await page.close()
  })
})
