/**
 * Consoles in the browser, over the real controller, proxy and tickets; the host's end is a stand-in (a serial port that echoes, a screen
 * whose colour is the last key). A real guest's screen and serial line are in test/lab/hello/console.ts.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { consoleRoutes } from '../../src/api/console.ts'
import { serveConsoles } from '../../src/controller/http/console-socket.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud, whileAsking } from '../support/browser.ts'
import { type ConsoleHost, serveConsolesOf } from '../support/console-host.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'

interface Canvas {
  width: number
  height: number
  getContext(kind: '2d'): { getImageData(x: number, y: number, w: number, h: number): { data: Iterable<number> } }
}
/** Of the page, where the functions below run. */
declare const document: { querySelector(selector: string): Canvas | null }

/** The colour in the middle of the screen, as the browser drew it; '' before there is one, or while it is still this one. */
function drawn(but: string): string {
  const canvas = document.querySelector('.croft-console-place canvas')
  if (!canvas || canvas.width < 100) return ''
  const { data } = canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1)
  const text = [...data].join(' ')
  return [but, '0 0 0 0', '0 0 0 255'].includes(text) ? '' : text
}

async function untilColour(page: Page, but: string): Promise<string> {
  return await (await page.waitForFunction(drawn, but)).jsonValue()
}

/** What the host heard last, once it is as expected. */
async function heardOf({ streams }: ConsoleHost, check: (heard: readonly Buffer[]) => boolean): Promise<Buffer[]> {
  const stream = streams.at(-1)
  assert.ok(stream)
  const signal = AbortSignal.timeout(30_000)
  while (!check(stream.heard)) await once(stream.socket, 'message', { signal })
  return stream.heard
}

suite('consoles in the browser', () => {
  let cloud: UiCloud
  let served: ConsoleHost
  let end: () => void
  let id: string

  before(async () => {
    cloud = await uiCloud()
    end = serveConsoles(cloud.cloud, cloud.server.server)
    served = await serveConsolesOf(await addHost(cloud, 'host-1'), [cloud])
    const flavors = await cloud.request('GET', '/v1/flavors?name=small')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = { name: 'web-1', flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    id = String(made.body.items?.[0]?.id)
  })
  after(async () => {
    end()
    await served.close()
    await cloud.close()
  })

  const viewers = async () => (await cloud.call(consoleRoutes.list, { params: { instance: id } })).items

  test('a screen that changes as one types, taken over by another, and by a link only looked at', async () => {
    const page = await cloud.open(`/ui/instances/${id}/console`)
    await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
    const first = await untilColour(page, '')
    await page.keyboard.press('a')
    const second = await untilColour(page, first)
    // Out of the screen by the keyboard, and back: nothing of it stays down in the guest.
    for (const key of ['Control', 'Alt', 'Shift']) await page.keyboard.down(key)
    for (const key of ['Shift', 'Alt', 'Control']) await page.keyboard.up(key)
    await page.locator('.croft-console-bar button:focus').waitFor()
    await page.getByRole('button', { name: 'Send keys' }).click()
    await checkAccessible(page)
    await page.getByRole('menuitem', { name: 'Ctrl + Alt + Delete' }).click()
    await untilColour(page, second)
    await page.getByRole('cell', { name: 'admin (you)' }).waitFor()

    await page.getByRole('button', { name: 'Create a link' }).click()
    const link = await page.getByRole('textbox', { name: 'Links to look on' }).inputValue()
    const guest = await cloud.open(new URL(link).pathname + new URL(link).hash, { token: null })
    await guest.getByRole('heading', { name: 'Looking on at web-1' }).waitFor()
    await guest.getByText('view only').waitFor()
    await untilColour(guest, '')
    await guest.keyboard.press('z')
    await checkAccessible(guest)
    await page.getByRole('cell', { name: 'by a link of admin' }).waitFor()
    await checkAccessible(page)
    await page.getByRole('heading', { name: 'web-1' }).scrollIntoViewIfNeeded()
    await picture(page, 'console')
    assert.ok(!Buffer.concat(served.streams.at(-1)?.heard ?? []).includes(Buffer.of(4, 1, 0, 0, 0, 0, 0, 0x7a)))

    await page.getByRole('button', { name: 'Take back' }).click()
    await guest.getByText('This console was ended.').waitFor()
    await guest.close()

    const [own] = await viewers()
    await cloud.request('PATCH', `/v1/instances/${id}/consoles/${own?.id}`, { body: { view_only: true } })
    await page.getByText('view only').waitFor()
    assert.ok(await page.getByRole('button', { name: 'Send keys' }).isDisabled())
    await page.getByRole('button', { name: 'Give control to admin' }).click()
    await page.getByText('view only').waitFor({ state: 'detached' })

    const other = await cloud.open(`/ui/console/${id}?kind=serial`)
    await other.getByRole('button', { name: 'Take over: only I type' }).click()
    await page.getByText('view only').waitFor()
    assert.deepEqual((await viewers()).map(one => `${one.kind} ${one.view_only}`).toSorted(), [
      'graphical true',
      'serial false',
    ])
    await page.getByRole('button', { name: 'Take over: only I type' }).click()
    await other.getByText('view only').waitFor()
    await page.getByText('view only').waitFor({ state: 'detached' })
    await other.close()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('its clipboard, shared: what the guest copied is offered, what is typed here is put there; SPICE by a command', async () => {
    const page = await cloud.open(`/ui/instances/${id}/console`, { in_window: true })
    await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
    await page.getByRole('button', { name: 'Paste text' }).click()
    await page.getByText('The guest’s clipboard is not shared').waitFor()
    await page.getByLabel('Text', { exact: true }).fill('Grüße')
    await page.getByText('left out: ü ß').waitFor()
    await page.getByLabel('The guest’s keyboard').selectOption('Deutsch')
    await page.getByText('left out: ü ß').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Cancel' }).click()
    // A German keyboard's Z, by its character: the key of a US one that makes it.
    await page.getByLabel('Keyboard', { exact: true }).selectOption('English (US)')
    await page.getByText('as on the guest’s keyboard: English (US)').waitFor()
    await page.locator('.croft-console-place canvas').focus()
    const devtools = await page.context().newCDPSession(page)
    for (const type of ['keyDown', 'keyUp'] as const)
      await devtools.send('Input.dispatchKeyEvent', { type, key: '/', code: 'Digit7', modifiers: 8 })
    await heardOf(served, heard => Buffer.concat(heard).includes(Buffer.of(4, 1, 0, 0, 0, 0, 0, 0x2f)))
    await page.getByLabel('Keyboard', { exact: true }).selectOption('The guest has my keyboard')
    await page.getByRole('button', { name: 'Screen settings' }).click()
    await page.getByLabel('Clipboard').selectOption('shared')
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Copy what the guest copied' }).click()
    // In full screen nothing is seen but what is in it.
    await page.getByRole('button', { name: 'Full screen' }).click()
    await page.getByRole('button', { name: 'Leave full screen' }).waitFor()
    await page.getByRole('button', { name: 'Paste text' }).click()
    await page.getByLabel('Text', { exact: true }).fill('to the guest\nin two lines')
    await page.getByRole('button', { name: 'Put into the guest’s clipboard' }).click()
    const given = (one: Buffer) => one[0] === 6 && one[8] === 0x10
    const packed = (await heardOf(served, heard => heard.some(given))).find(given)
    assert.ok(packed)
    await page.getByRole('button', { name: 'Leave full screen' }).click()
    assert.equal(inflateSync(packed.subarray(12)).subarray(4).toString(), 'to the guest\nin two lines')

    await page.getByRole('button', { name: 'Screen settings' }).click()
    await page.getByLabel('Screen by').selectOption('spice')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('textbox', { name: 'Command' }).waitFor()
    assert.equal(
      await page.getByRole('textbox', { name: 'Command' }).inputValue(),
      'croft instance console web-1 --spice',
    )
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('on a phone: keys that it has not, held and pressed; and why a host shows nothing', async t => {
    const page = await cloud.open(`/ui/console/${id}`, { width: 400, height: 800, dark: true })
    await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
    await page.getByRole('button', { name: 'Keys on screen' }).click()
    // Each key is a message of its own; what is asked of the screen is between them.
    const said = (...keys: Buffer[]) =>
      heardOf(served, heard => Buffer.concat(heard.filter(one => one[0] === 4)).includes(Buffer.concat(keys)))
    const key = (down: number, keysym: number) => Buffer.of(4, down, 0, 0, 0, 0, keysym >> 8, keysym & 255)
    await page.getByRole('button', { name: 'Ctrl', exact: true }).click()
    await page.getByRole('button', { name: 'Press F2', exact: true }).click()
    await page.getByRole('button', { name: 'Ctrl', exact: true }).click()
    await said(key(1, 0xffe3), key(1, 0xffbf), key(0, 0xffbf), key(0, 0xffe3))
    await page.getByRole('button', { name: 'Ctrl', exact: true, pressed: false }).waitFor()
    await page.getByLabel('Type here').focus()
    await page.keyboard.insertText('zu')
    await page.keyboard.press('Enter')
    await said(key(1, 0x7a), key(0, 0x7a), key(1, 0x75), key(0, 0x75), key(1, 0xff0d), key(0, 0xff0d))
    await checkAccessible(page)
    await picture(page, 'console-narrow-dark')
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400)

    t.after(() => (served.refuses = null))
    served.refuses = 'The guest was started without a graphics device. Stop it and start it once, and it has one.'
    // Who is elsewhere stays there; who has gone on by the keyboard goes on from what was said.
    const layout = page.getByLabel('Keyboard', { exact: true })
    await layout.focus()
    served.streams.at(-1)?.socket.terminate()
    await page.getByText('The host cannot show this console').waitFor()
    await page.getByText('started without a graphics device. Stop it and start it once').waitFor()
    assert.equal(await page.evaluate('document.activeElement.getAttribute("aria-label")'), 'Keyboard')
    await checkAccessible(page)
    // Gone for a moment alone: it is asked again, and refused again.
    const again = page.getByRole('button', { name: 'Connect again' })
    await whileAsking(page, '**/consoles', async () => {
      await again.press('Enter')
      await again.waitFor({ state: 'detached' })
    })
    await page.locator('.croft-console-veil button:focus', { hasText: 'Connect again' }).waitFor()
    served.refuses = null
    await page.getByRole('button', { name: 'Use the serial console' }).click()
    await page.locator('.xterm-accessibility').getByText('login:').first().waitFor()
    // noVNC's own word on it.
    assert.deepEqual(
      problemsOf(page).filter(text => !text.startsWith('Failed when connecting')),
      [],
    )
    await page.close()
  })

  test('a serial line in a window of its own: typed, pasted, back after the network was away', async () => {
    const page = await cloud.open(`/ui/console/${id}?kind=serial`)
    const terminal = page.locator('.xterm-accessibility')
    await terminal.getByText('login:').first().waitFor()
    await page.keyboard.type('root')
    await terminal.getByText('login: root').waitFor()
    await page.getByRole('button', { name: 'Paste text' }).click()
    await page.getByLabel('Text', { exact: true }).fill(' and more')
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Type it' }).click()
    await terminal.getByText('root and more').waitFor()
    // As a host tells of a guest that does not read, and then does.
    const dead = page.getByText('The guest does not read what is typed. It waits until the guest does.')
    served.streams.at(-1)?.socket.pong('waiting')
    await dead.waitFor()
    await checkAccessible(page)
    served.streams.at(-1)?.socket.pong('dropped')
    await page.getByText('more than 1 MiB waits for it').waitFor()
    served.streams.at(-1)?.socket.pong('taken')
    await dead.or(page.getByText('more than 1 MiB')).waitFor({ state: 'detached' })
    await whileAsking(page, '**/consoles', async () => {
      served.streams.at(-1)?.socket.terminate()
      await page.getByText('reconnecting').first().waitFor()
    })
    await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
    await page.keyboard.type('again')
    await terminal.getByText('login: again').waitFor()
    await checkAccessible(page)
    await picture(page, 'console-serial')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a window of its own goes on when its tab turns to another project, and ends with its sign-out', async () => {
    await cloud.request('POST', '/v1/projects', { body: { name: 'other' } })
    const page = await cloud.open(`/ui/instances/${id}/console?kind=serial`, {
      token: await cloud.tokenOf(cloud.admin_user_id, cloud.project_id),
    })
    const opened = page.waitForEvent('popup')
    await page.getByRole('button', { name: 'Own window' }).click()
    const own = await opened
    const state = own.locator('.croft-console-state')
    await state.filter({ hasText: 'connected' }).waitFor()
    await page.locator('.croft-who').click()
    await page.getByRole('menuitem', { name: 'other' }).click()
    await page.locator('.croft-who', { hasText: 'other' }).waitFor()
    await own.locator('.xterm-accessibility').getByText('login:').first().waitFor()
    await own.keyboard.type('still here')
    await own.locator('.xterm-accessibility').getByText('still here').waitFor()
    // A new line asks for a ticket with the token of then. The tab has lines of its own.
    await whileAsking(own, '**/consoles', async () => {
      for (const { socket } of served.streams) socket.terminate()
      await state.filter({ hasText: 'reconnecting' }).waitFor()
    })
    await state.filter({ hasText: 'connected' }).waitFor()
    await page.locator('.croft-who').click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    // Both may be there: the page behind a sign-in is not seen.
    const over = own.getByText('This console is closed').or(own.getByLabel('Password'))
    await over.filter({ visible: true }).first().waitFor()
    await own.close()
    await page.close()
  })

  test('the log is searched, and goes on; a stopped instance says why it has no console; at 400 px, dark', async () => {
    const page = await cloud.open(`/ui/instances/${id}/log`, { dark: true, width: 400, height: 800 })
    await page.locator('.xterm-accessibility').getByText('login:').first().waitFor()
    await page.getByRole('textbox', { name: 'Search in the log' }).fill('nowhere')
    await page.getByText('Nothing in the log matches.').waitFor()
    await page.getByRole('textbox', { name: 'Search in the log' }).fill('login')
    await page.getByText('Nothing in the log matches.').waitFor({ state: 'detached' })
    await checkAccessible(page)
    await picture(page, 'log-narrow-dark')
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400)
    await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {}, headers: { prefer: 'wait=10' } })
    await page.getByRole('tab', { name: 'Console' }).click()
    await page.getByText('The instance is stopped').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
