/** Instance groups in the browser: made, instances put into one, why it is not deleted; why an instance found no host, summed up by reason. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'

suite('instance groups in the browser', () => {
  let cloud: UiCloud

  before(async () => {
    cloud = await uiCloud()
    for (const name of ['host-1', 'host-2']) await addHost(cloud, name)
    await addNetwork(cloud)
    await addImage(cloud)
  })
  after(() => cloud.close())

  test('a group is made, an instance comes into it, and its page shows where the instances are', async () => {
    const page = await cloud.open('/ui/instance-groups/create')
    await page.getByLabel('Name').fill('databases')
    await page.getByLabel('Policy').selectOption({ label: 'No two on one host' })
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Create instance group' }).click()
    await page.getByRole('heading', { name: 'databases' }).waitFor()
    await page.getByText('None yet: choose the group when you create an instance.').waitFor()

    const groups = await cloud.request('GET', '/v1/instance-groups')
    const images = await cloud.request('GET', '/v1/images')
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const asked = {
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: images.body.items?.[0]?.id,
      group_id: groups.body.items?.[0]?.id,
    }
    for (const name of ['db-1', 'db-2']) {
      await cloud.request('POST', '/v1/instances', { body: { ...asked, name }, headers: { prefer: 'wait=10' } })
    }
    for (const text of ['db-1', 'db-2', 'host-1', 'host-2']) {
      await page.getByRole('link', { name: text, exact: true }).waitFor()
    }
    await checkAccessible(page)
    await picture(page, 'instance-group')

    await page.getByRole('link', { name: 'db-2', exact: true }).click()
    await page.getByRole('link', { name: 'databases' }).waitFor()
    await page.getByRole('tab', { name: 'Placement' }).click()
    await page.getByText('chosen').first().waitFor()
    await page.getByRole('cell', { name: '1 has one of its group already' }).waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('with which instances one is to be is on its page, and goes from it when that is taken away', async () => {
    const { items = [] } = (await cloud.request('GET', '/v1/instances?name=db-1')).body
    const [first] = items
    const asked = { name: 'beside', flavor_id: first?.flavor_id, image_id: first?.image_id, same_as: [first?.id] }
    const made = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=10' } })
    const id = String(made.body.items?.[0]?.id)
    const page = await cloud.open(`/ui/instances/${id}`)
    await page.getByText('Together with').waitFor()
    await page.getByRole('link', { name: 'db-1', exact: true }).waitFor()
    await checkAccessible(page)
    assert.equal((await cloud.request('PATCH', `/v1/instances/${id}`, { body: { same_as: [] } })).status, 200)
    await page.getByText('Together with').waitFor({ state: 'detached' })
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the form offers groups and hints; what a group refuses is told as it is filled in', async () => {
    const page = await cloud.open('/ui/instances/create')
    await page.getByLabel('Name').fill('db-3')
    await page.getByRole('button', { name: 'More', exact: false }).first().click()
    await page.getByLabel('Instance group').selectOption({ label: 'databases' })
    await page.getByText('has one of its group already: 2 hosts').first().waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('why it is where it is: of 27 hosts each is told of, the best at once and all when asked', async () => {
    for (let n = 3; n <= 27; n++) await addHost(cloud, `host-${n}`)
    const { body: known } = await cloud.request('GET', '/v1/hosts?name=host-27')
    await cloud.request('PATCH', `/v1/hosts/${String(known.items?.[0]?.id)}`, { body: { schedulable: false } })
    const { items = [] } = (await cloud.request('GET', '/v1/instances?name=db-1')).body
    const asked = { name: 'one-of-27', flavor_id: items[0]?.flavor_id, image_id: items[0]?.image_id }
    const made = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=10' } })
    const page = await cloud.open(`/ui/instances/${String(made.body.items?.[0]?.id)}/placement`)
    const table = page.getByRole('table', { name: 'Placement' })
    await table.getByRole('cell', { name: 'chosen' }).waitFor()
    assert.equal(await table.getByRole('row').count(), 1 + 20)
    await page.getByRole('button', { name: 'Show all 27' }).click()
    const refused = table.getByRole('row').filter({ hasText: 'host-27' })
    await refused.getByText('takes no new instances').waitFor()
    assert.equal(await table.getByRole('row').count(), 1 + 27)
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
