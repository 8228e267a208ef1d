/** Moving instances and emptying hosts in the browser, as an operator does; and a terminal that stays while its instance goes elsewhere. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, suite, test } from 'node:test'
import { migrationRoutes } from '../../src/api/migration.ts'
import { serveConsoles } from '../../src/controller/http/console-socket.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { type ConsoleHost, serveConsolesOf } from '../support/console-host.ts'
import { eventually } from '../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost, progressOf } from '../support/obedient-host.ts'

suite('migrations in the browser', () => {
  let cloud: UiCloud
  let hosts: ObedientHost[]
  let served: ConsoleHost[]
  let end: () => void
  let body: Record<string, unknown>

  before(async () => {
    cloud = await uiCloud()
    end = serveConsoles(cloud.cloud, cloud.server.server)
    hosts = [await addHost(cloud, 'host-1'), await addHost(cloud, 'host-2')]
    served = await Promise.all(hosts.map(host => serveConsolesOf(host, [cloud])))
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
  })
  after(async () => {
    end()
    await Promise.all(served.map(one => one.close()))
    await cloud.close()
  })
  beforeEach(() => {
    for (const host of hosts) host.sends = 'through'
  })

  async function create(name: string): Promise<{ id: string; source: ObedientHost; target: ObedientHost }> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name, host_id: hosts[0]?.id },
      headers: { prefer: 'wait=10' },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const [source, target] = hosts as [ObedientHost, ObedientHost]
    return { id: String(made.body.items?.[0]?.id), source, target }
  }

  test('an instance is moved by a dialog, and its migration is watched to the end', async () => {
    const { id, source } = await create('web-1')
    source.sends = 'on-and-on'
    const page = await cloud.open(`/ui/instances/${id}`)
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await page.getByRole('menuitem', { name: 'Move to another host' }).click()
    const dialog = page.getByRole('dialog', { name: 'Move web-1 to another host' })
    await dialog.waitFor()
    await checkAccessible(page)
    // What nobody chose there is as the settings say, and not as the dialog would have it.
    await cloud.request('PUT', '/v1/settings/migration.auto_converge', { body: { value: false } })
    await dialog.getByRole('button', { name: 'Move', exact: true }).click()
    await page
      .getByText(/moving 50 %/)
      .first()
      .waitFor()
    const moves = await cloud.open('/ui/migrations')
    await moves.getByRole('link', { name: 'web-1' }).first().waitFor()
    const { items } = await cloud.call(migrationRoutes.list, { query: { instance_id: id } })
    const [begun] = items
    assert.equal(begun?.options.auto_converge, false)
    await cloud.request('DELETE', '/v1/settings/migration.auto_converge')
    const own = await cloud.open(`/ui/migrations/${begun?.id}`)
    await own.getByText('512 MiB of 1 GiB to go').waitFor()
    await eventually(() => source.tellMigration(id, { phase: 'sending', progress: progressOf(0.75) }))
    await eventually(async () => {
      source.tellMigration(id, { phase: 'sending', progress: progressOf(0.75) })
      await own.getByText('256 MiB of 1 GiB to go').waitFor({ timeout: 500 })
    })
    await checkAccessible(own)
    await picture(own, 'migration')
    source.tellMigration(id, { phase: 'switched', progress: progressOf(1) })
    await own.getByText('42 ms').waitFor()
    await page.getByText('running').first().waitFor()
    for (const one of [page, moves, own]) assert.deepEqual(problemsOf(one), [])
  })

  test('what is chosen in the dialog counts for that move, whatever the settings say', async () => {
    const { id, source } = await create('web-4')
    source.sends = 'on-and-on'
    const page = await cloud.open(`/ui/instances/${id}`)
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await page.getByRole('menuitem', { name: 'Move to another host' }).click()
    const dialog = page.getByRole('dialog', { name: 'Move web-4 to another host' })
    await dialog.getByLabel(/^Slow the guest down/).selectOption({ label: 'No' })
    await dialog.getByLabel(/^Give up after/).fill('90')
    await dialog.getByRole('button', { name: 'Move', exact: true }).click()
    await eventually(() => assert.ok(source.sent.has(id)))
    const { items } = await cloud.call(migrationRoutes.list, { query: { instance_id: id } })
    const { auto_converge, timeout_s, bandwidth_mib_s, downtime_ms_max, postcopy_after_s } = items[0]?.options ?? {}
    assert.deepEqual(
      [auto_converge, timeout_s, bandwidth_mib_s, downtime_ms_max, postcopy_after_s],
      [false, 90, 0, 100, 0],
    )
    source.tellMigration(id, { phase: 'switched' })
    await page.getByText('running').first().waitFor()
    assert.deepEqual(problemsOf(page), [])
  })

  test('a terminal stays as it is while its instance goes over, and goes on there', async () => {
    const { id, source } = await create('web-2')
    source.sends = 'on-and-on'
    const page = await cloud.open(`/ui/instances/${id}/console?kind=serial`)
    await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
    await page.keyboard.type('remember me')
    await page.getByText('remember me').first().waitFor()
    const begun = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: {} })
    assert.equal(begun.status, 202)
    await eventually(() => assert.ok(source.sent.has(id)))
    const there = served[1]?.streams.length ?? 0
    source.tellMigration(id, { phase: 'switched' })
    await eventually(() => assert.equal(served[1]?.streams.length, there + 1))
    await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
    await page.getByText('remember me').first().waitFor()
    await page.locator('.croft-console-place').click()
    await page.keyboard.type('and on')
    await eventually(() => assert.match(Buffer.concat(served[1]?.streams.at(-1)?.heard ?? []).toString(), /and on/))
    assert.deepEqual(problemsOf(page), [])
  })

  test('a host is emptied, and what is in the way is shown', async () => {
    const { id, source, target } = await create('web-3')
    await cloud.request('PATCH', `/v1/hosts/${target.id}`, { body: { schedulable: false } })
    const page = await cloud.open(`/ui/hosts/${source.id}`)
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await page.getByRole('menuitem', { name: 'Put into maintenance' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Put into maintenance' }).click()
    await page.getByRole('tab', { name: 'Maintenance' }).click()
    await page.getByText('This host is being emptied.').waitFor()
    await page
      .getByText(/No host can take/)
      .first()
      .waitFor()
    await checkAccessible(page)
    await picture(page, 'maintenance')
    await cloud.request('PATCH', `/v1/hosts/${target.id}`, { body: { schedulable: true } })
    await cloud.cloud.database.db
      .updateTable('maintenance_obstacle')
      .set({ again_at: new Date(0) })
      .execute()
    await page.getByText('This host is empty.').waitFor()
    assert.equal((await cloud.request('GET', `/v1/instances/${id}`)).body.host_id, target.id)
    assert.deepEqual(problemsOf(page), [])
  })
})
