/** A machine asks to be a host, an operator compares its code and lets it in; an aggregate is made, and gets a host. */
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { addHost } from '../support/obedient-host.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { keyCode } from '../../src/protocol/join.ts'

describe('browser/joining', () => {
  let cloud: UiCloud
  before(async () => {
    cloud = await uiCloud()
    await addHost(cloud, 'rack1-a')
  })
  after(() => cloud?.close())

  async function ask(hostname: string): Promise<string> {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key_sha256 = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest()
    const said = { hostname, machine_id: `other-${hostname}`, address: '192.0.2.7', csr_pem: '' }
    const found = JSON.stringify({ os: 'Debian GNU/Linux 12', cpus: 32, memory_mib: 131_072 })
    await cloud.cloud.database.db
      .insertInto('host_registration')
      .values({ id: crypto.randomUUID(), key_sha256, ...said, found, expires_at: new Date(Date.now() + 86_400_000) })
      .execute()
    return keyCode(key_sha256)
  }

  test('who waits is shown with code and findings, and turned away', async () => {
    const code = await ask('rack1-a')
    const list = await cloud.open('/ui/host-registrations', { token: cloud.admin })
    await list.getByText(code).waitFor()
    await checkAccessible(list)
    const { items } = (await cloud.request('GET', '/v1/host-registrations')).body
    const page = await cloud.open(`/ui/host-registrations/${String(items?.[0]?.id)}`, { token: cloud.admin })
    await page.getByText('There is a host rack1-a already', { exact: false }).waitFor()
    await picture(page, 'host-registration')
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText(`Code of the machine: ${code}`).waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Turn away' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Turn away' }).click()
    await page.getByText('Turned away').first().waitFor()
    assert.deepEqual(problemsOf(page), [])
  })

  test('one with the name of a host that does not answer is let in as a new one only when that is said', async () => {
    const gone = await addHost(cloud, 'rack1-gone')
    await gone.disconnect()
    await ask('rack1-gone')
    const page = await cloud.open('/ui/host-registrations', { token: cloud.admin })
    await page.getByText('name of rack1-gone').waitFor()
    await page.getByText('rack1-gone', { exact: true }).click()
    await page.getByRole('button', { name: 'Approve' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('There is a host rack1-gone that does not answer.').waitFor()
    await checkAccessible(page)
    await dialog.getByText('It is another machine than the host rack1-gone').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('an invitation says with which address no other machine can join', async () => {
    const page = await cloud.open('/ui/hosts')
    await page.getByRole('button', { name: 'Invite a host' }).click()
    await page.getByRole('button', { name: 'Make the command' }).click()
    const dialog = page.getByRole('dialog', { name: 'Run this on the new host' })
    const { hostname } = new URL(cloud.cloud.self.agent_url)
    await dialog
      .getByText(`The controller listens for hosts at ${hostname}, which other machines cannot reach`)
      .waitFor()
    await dialog.getByText('croft up --cluster-address ADDRESS').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('an aggregate is made, and a host put into it', async () => {
    const page = await cloud.open('/ui/aggregates/create', { token: cloud.admin })
    await page.locator('#field-name').fill('nvme')
    await page.getByRole('button', { name: 'Create', exact: false }).last().click()
    await page.getByText('No host is in it yet.').waitFor()
    await checkAccessible(page)
    const aggregates = await cloud.request('GET', '/v1/aggregates')
    const hosts = await cloud.request('GET', '/v1/hosts')
    const body = { host_ids: [hosts.body.items?.[0]?.id] }
    await cloud.request('POST', `/v1/aggregates/${String(aggregates.body.items?.[0]?.id)}/add-hosts`, { body })
    await page.getByRole('link', { name: 'rack1-a' }).waitFor()
    assert.deepEqual(problemsOf(page), [])
  })

  test('a machine with the key of a host and another board is shown, and adopted; and the host goes to another cluster', async () => {
    const host = await addHost(cloud, 'rack1-b')
    const board = (n: number) => ({ board: `01890000-0000-4000-8000-00000000000${n}` })
    await cloud.cloud.database.db
      .updateTable('host')
      .set({ hardware_id: JSON.stringify(board(1)) })
      .where('id', '=', host.id)
      .execute()
    const page = await cloud.open(`/ui/hosts/${host.id}`, { token: cloud.admin })
    await page.getByText(`board ${board(1).board}`).waitFor()
    const address = '192.0.2.7'
    const session = cloud.cloud.agents.accept(host.id, { address, send() {}, close() {} })
    void session.receive(
      JSON.stringify({ type: 'hello', protocol: 1, facts: host.facts, holds: [], hardware: board(2) }),
    )
    await page.getByText('Another machine has the key of this host').waitFor()
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByText('The host is linked from its own hardware').waitFor()
    await host.disconnect()
    await page.getByRole('menuitem', { name: 'Adopt hardware' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(`rack1-b is board ${board(2).board} from now on`, { exact: false }).waitFor()
    await dialog.getByRole('button', { name: 'Adopt hardware' }).click()
    await page.getByText('Another machine has the key of this host').waitFor({ state: 'detached' })
    await page.getByText(`board ${board(2).board}`).waitFor()

    const [zone] = (await cloud.request('GET', '/v1/zones')).body.items ?? []
    await cloud.request('POST', '/v1/clusters', { body: { name: 'rack2', zone_id: zone?.id } })
    const change = async () => {
      await page.getByRole('button', { name: 'Change', exact: true }).click()
      await page.locator('#field-cluster_id').selectOption({ label: 'rack2' })
      await page.getByRole('button', { name: 'Save' }).click()
    }
    await change()
    await page.getByText('The host rack1-b takes instances', { exact: false }).waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await cloud.request('POST', `/v1/hosts/${host.id}/maintenance`, { body: {} })
    await change()
    await page.getByRole('link', { name: 'rack2' }).waitFor()
    const said = problemsOf(page)
    assert.ok(said.length === 1 && said[0]?.includes('409'), `${said.join('; ')}: the refusal, and nothing else`)
  })
})
