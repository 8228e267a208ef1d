/** A guest's page: what it says of itself, a command in it, and what is there for those who may run none. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { type GuestHost, serveGuestsOf, someDetails } from '../support/guest-host.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

suite('a guest in the browser', () => {
  let cloud: UiCloud
  let host: ObedientHost
  let guests: GuestHost
  let id = ''

  before(async () => {
    cloud = await uiCloud()
    host = await addHost(cloud, 'host-1')
    guests = await serveGuestsOf(host, cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = { name: 'web', flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    id = String(made.body.items?.[0]?.id)
  })
  after(async () => {
    await guests.close()
    await cloud.close()
  })

  test('it says what it is once its agent is there; a command runs, and its output is shown', async () => {
    const page = await cloud.open(`/ui/instances/${id}/guest`)
    await page.getByText('No guest agent is connected').waitFor()
    await checkAccessible(page)
    guests.answer = async question =>
      question.ask === 'details'
        ? { outcome: 'details', details: someDetails }
        : question.ask === 'applications'
          ? {
              outcome: 'applications',
              manager: 'dpkg',
              applications: [{ name: 'bash', version: '5.2' }],
              truncated: false,
            }
          : {
              ...{ outcome: 'ran', exit_code: 3, signal: null, stdout_truncated: false, stderr_truncated: false },
              ...{ stdout: base64('/dev/vda1  20G  17G\n'), stderr: base64('careful\n') },
            }
    host.tell({ guest_agent: 'connected' })
    await page.getByText('Debian GNU/Linux 12 (bookworm)').waitFor()
    await page.getByRole('progressbar', { name: 'Used of /', exact: true }).waitFor()
    await checkAccessible(page)
    await picture(page, 'guest')

    await page.getByRole('button', { name: 'Show them' }).click()
    await page.getByRole('cell', { name: 'bash' }).waitFor()

    await page.getByRole('button', { name: 'Run a command' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Command').fill('sh -c "df -h | tail -1"')
    await dialog.getByLabel('Standard input').fill('grüß')
    await dialog.getByLabel('Environment').fill('LANG=C\nA=b=c')
    await checkAccessible(page)
    await dialog.getByRole('button', { name: 'Run it' }).click()
    await dialog.getByText('It ended with code 3.').waitFor()
    await dialog.getByText('/dev/vda1 20G 17G').waitFor()
    await dialog.getByText('careful').waitFor()
    await checkAccessible(page)
    await picture(page, 'guest-command')
    assert.deepEqual(guests.asked.at(-1)?.question, {
      ask: 'run',
      argv: ['sh', '-c', 'df -h | tail -1'],
      env: ['LANG=C', 'A=b=c'],
      stdin: base64('grüß'),
      timeout_ms: 30_000,
    })
    await dialog.getByRole('button', { name: 'Run another' }).click()
    assert.equal(await dialog.getByLabel('Command').inputValue(), 'sh -c "df -h | tail -1"')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('who may run no commands sees the facts, and none of that', async () => {
    const user = await cloud.request('POST', '/v1/users', { body: { name: 'ada' } })
    const grant = { user_id: user.body.id, role: 'member', scope: 'project', project_id: cloud.project_id }
    await cloud.request('POST', '/v1/role-grants', { body: grant })
    const token = await cloud.tokenOf(String(user.body.id), cloud.project_id)
    const page = await cloud.open(`/ui/instances/${id}/guest`, { token, locale: 'de-DE', width: 400 })
    await page.getByText('Debian GNU/Linux 12 (bookworm)').waitFor()
    await page.getByText('Jetzt angemeldet').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Befehl ausführen' }).count(), 0)
    assert.equal(await page.getByText('Installierte Anwendungen').count(), 0)
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
