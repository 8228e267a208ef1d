/**
 * SPICE in the page: a real QEMU's SPICE server behind the real controller, proxy and tickets, in a real Chromium. The guest is a boot
 * sector that paints its screen by the key pressed; what the page shows of it is held against QEMU's VNC, point by point.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { consoleRoutes } from '../../src/api/console.ts'
import { serveConsoles } from '../../src/controller/http/console-socket.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud, whileAsking } from '../support/browser.ts'
import { type ConsoleHost, serveConsolesOf } from '../support/console-host.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'
import { Vnc } from '../support/vnc.ts'
import { scratch } from '../support/scratch.ts'

/**
 * 320×200 points in 256 colours, filled by each key: with one colour where its character is odd, else with a pattern that
 * does not repeat within a line. In real mode; INT 10h and 16h are the firmware's screen and keyboard.
 */
function painter(): Buffer {
  const sector = Buffer.alloc(512)
  Buffer.from('b81300cd10b800a08ec030e4cd1631ffb900faa8017404f3aaebefaa0407e2fbebe8', 'hex').copy(sector)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

interface Canvas {
  width: number
  height: number
  getContext(kind: '2d'): { getImageData(x: number, y: number, w: number, h: number): { data: Uint8Array } }
}
/** Of the page, where the functions below run. */
declare const document: { querySelector(selector: string): Canvas | null }

/** The screen as red, green and blue of each point; null while it is not `width` wide or still as `but` says. */
function shown(but: string): string | null {
  const canvas = document.querySelector('.croft-console-place canvas')
  if (!canvas || canvas.width < 320) return null
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  let text = ''
  for (let at = 0; at < data.length; at += 4)
    text += String.fromCharCode(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0)
  const made = `${canvas.width} ${canvas.height} ${btoa(text)}`
  return made === but ? null : made
}

suite('SPICE in the browser', () => {
  let cloud: UiCloud
  let served: ConsoleHost
  let end: () => void
  let id: string
  let folder: string
  let qemu: ChildProcess

  before(async () => {
    folder = await scratch('croft-page-spice')
    await writeFile(path.join(folder, 'disk'), painter())
    await startGuest()
    cloud = await uiCloud()
    end = serveConsoles(cloud.cloud, cloud.server.server)
    served = await serveConsolesOf(await addHost(cloud, 'host-1'), [cloud])
    served.spice = () => connect(path.join(folder, 'spice'))
    const flavors = await cloud.request('GET', '/v1/flavors?name=small')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const what = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const body = { name: 'desk', graphics: 'spice', clipboard: 'shared', ...what }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    id = String(made.body.items?.[0]?.id)
  })
  after(async () => {
    end()
    await served.close()
    await cloud.close()
    const gone = once(qemu, 'exit')
    qemu.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true })
  })

  async function startGuest(): Promise<void> {
    const at = (name: string) => path.join(folder, name)
    qemu = spawn(
      'qemu-system-x86_64',
      [
        ...['-machine', 'pc,accel=tcg', '-m', '16', '-nodefaults', '-display', 'none', '-vga', 'std'],
        ...['-usb', '-device', 'usb-tablet', '-drive', `file=${at('disk')},format=raw,if=ide`],
        ...['-spice', `unix=on,addr=${at('spice')},disable-ticketing=on`, '-vnc', `unix:${at('vnc')}`],
        ...['-qmp', 'stdio'],
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    // Its greeting: both of its screens listen.
    const [greeting] = (await once(qemu.stdout as NonNullable<typeof qemu.stdout>, 'data')) as [Buffer]
    assert.match(greeting.toString(), /QMP/)
  }

  const viewers = async () => (await cloud.call(consoleRoutes.list, { params: { instance: id } })).items
  const next = async (page: Page, but: string): Promise<string> =>
    String(await (await page.waitForFunction(shown, but)).jsonValue())
  const connected = (page: Page) => page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()

  /** The same as `shown`, by QEMU's other way. */
  async function byVnc(): Promise<string> {
    const vnc = await Vnc.of(connect(path.join(folder, 'vnc')))
    const points = await vnc.picture()
    const { width, height } = vnc
    vnc.close()
    const colours = Buffer.alloc((points.length / 4) * 3)
    for (let n = 0; n < points.length / 4; n++) {
      for (const part of [0, 1, 2]) colours[n * 3 + part] = points[n * 4 + 2 - part] ?? 0
    }
    return `${width} ${height} ${colours.toString('base64')}`
  }

  test('a screen that changes as one types, point for point; keys by menu, a pointer, and the viewer in the list', async () => {
    const page = await cloud.open(`/ui/instances/${id}/console?kind=spice`)
    await connected(page)
    const first = await next(page, '')
    await page.keyboard.press('b')
    let now = await next(page, first)
    // A frame may come in parts.
    for (const there = await byVnc(); now !== there; ) now = await next(page, now)
    await page.keyboard.press('a')
    const there = async () => {
      const wanted = await byVnc()
      for (let seen = now; ; seen = await next(page, seen)) if (seen === wanted) return seen
    }
    now = await next(page, now)
    now = await there()
    await page.getByRole('button', { name: 'Paste text' }).click()
    await page.getByLabel('Text', { exact: true }).fill('d')
    await page.getByRole('button', { name: 'Type it' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await next(page, now)
    await page.locator('.croft-console-place canvas').hover()
    await page.mouse.wheel(0, 200)
    const [sitting] = await viewers()
    assert.deepEqual([sitting?.kind, sitting?.view_only], ['spice', false])
    assert.equal((await viewers()).length, 1, 'its four connections are one viewer')
    await checkAccessible(page)
    await picture(page, 'console-spice')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('it comes back after its line broke; who takes the place is not fought, and who is ended stays so', async () => {
    const page = await cloud.open(`/ui/console/${id}?kind=spice`)
    await connected(page)
    // Of a screen that was there before all comes at once, packed.
    const there = await byVnc()
    for (let seen = ''; seen !== there; ) seen = await next(page, seen)
    const before = (await viewers())[0]?.id
    await whileAsking(page, '**/consoles', async () => {
      for (const { socket } of served.streams) socket.terminate()
      await page.locator('.croft-console-state', { hasText: 'reconnecting' }).waitFor()
    })
    await connected(page)
    assert.notEqual((await viewers()).at(-1)?.id, before)

    const other = await cloud.open(`/ui/console/${id}?kind=spice`)
    await connected(other)
    await page.getByText('Somebody else sits there by SPICE now').waitFor()
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Connect again' }).click()
    await connected(page)
    await other.getByText('Somebody else sits there by SPICE now').waitFor()
    await other.close()

    const [sitting] = await viewers()
    await cloud.request('DELETE', `/v1/instances/${id}/consoles/${sitting?.id}`)
    await page.getByText('This console was ended.').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
