/**
 * Consoles of a real guest, through the agent's stream and the controller's proxy: its screen over VNC, which changes as keys are pressed
 * and not for who only looks on, and its serial line with two viewers; its clipboard; its screen by SPICE, as `croft instance console
 * --spice` has it. No port of the host listens for any of it. The guest's end of the clipboard is spoken by its shell: spice-vdagent
 * wants a desktop.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { before, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { WebSocket } from 'ws'
import { consoleRoutes } from '../../../src/api/console.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { provideText } from '../../../src/lib/rfb-clipboard.ts'
import type { Host } from '../bed/bed.ts'
import { type Cloud, controller_url } from '../bed/cloud.ts'
import { world } from './world.ts'
import { imageCache } from '../bed/image-cache.ts'
import { chromium_path } from '../../support/chromium.ts'
import { Vnc } from '../../support/vnc.ts'

/** Checked in: a real guest's screen, as people see it. */
const picture = path.join(import.meta.dirname, '../../../docs/pictures/console-guest.png')

interface Canvas {
  width: number
  height: number
  toDataURL(): string
}
/** Of the page, where functions below run. */
declare const sessionStorage: { setItem(key: string, value: string): void }
declare const document: { querySelector(selector: string): Canvas | null }

/** The screen as the browser drew it; '' before there is one, or while it is still this one. */
function drawn(but: string): string {
  const canvas = document.querySelector('.croft-console-place canvas')
  const shown = canvas && canvas.width >= 640 ? canvas.toDataURL() : ''
  return shown === but ? '' : shown
}

let host: Host
let cloud: Cloud
let id: string

before(async () => {
  ;({ host, cloud, id } = await world())
})

async function open(body: { kind: 'serial' | 'graphical'; view_only?: boolean; replay_bytes?: number }) {
  const client = await cloud.client()
  const { url } = await client.call(instanceRoutes.console, { params: { instance: id }, body })
  return new WebSocket(`${controller_url}${url}`.replace(/^http/, 'ws'), ['binary'], { agent: host.agent })
}

async function serial(asked: { view_only?: boolean; replay_bytes?: number }) {
  const socket = await open({ kind: 'serial', ...asked })
  socket.on('message', (data: Buffer) => seen.set(socket, (seen.get(socket) ?? '') + data.toString('latin1')))
  await once(socket, 'open')
  return socket
}

/** What each socket said. */
const seen = new Map<WebSocket, string>()

async function read(socket: WebSocket, pattern: RegExp): Promise<void> {
  const signal = AbortSignal.timeout(20_000)
  while (!pattern.test(seen.get(socket) ?? '')) await once(socket, 'message', { signal })
}

void test('what is typed at the screen reaches the guest and shows; what who only looks on types does not', async () => {
  const worker = await Vnc.over(await open({ kind: 'graphical' }))
  const looker = await Vnc.over(await open({ kind: 'graphical', view_only: true }))
  assert.ok(worker.width >= 640 && worker.height >= 400, `${worker.width} × ${worker.height}`)
  const first = await worker.picture()
  assert.equal((await looker.picture()).length, first.length)
  looker.type('\ntee /dev/ttyS0\nlooker was here\n')
  worker.type('\ntee /dev/ttyS0\nworker was here\n')
  await cloud.logged(id, /worker was here/)
  assert.notDeepEqual(await worker.picture(), first)
  assert.doesNotMatch(await cloud.must('instance', 'log', 'hello'), /looker/)
  const client = await cloud.client()
  const { items } = await client.call(consoleRoutes.list, { params: { instance: id } })
  assert.deepEqual(items.map(one => one.view_only).toSorted(), [false, true])
  worker.close()
  looker.close()
})

void test('two sit at the serial line: both see what either types, and a newcomer what was before', async () => {
  const one = await serial({})
  const two = await serial({ view_only: true })
  const both = Promise.all([read(one, /is 42\s/), read(two, /is 42\s/)])
  one.send('\r')
  two.send('echo never\r')
  one.send('echo six times seven is $((6*7))\r')
  await both
  const three = await serial({ replay_bytes: 65_536 })
  await read(three, /TINY READY[^]*is 42\s/)
  assert.doesNotMatch(seen.get(two) ?? '', /never/)
  for (const socket of [one, two, three]) socket.close()
})

void test('in Chromium: type in the serial console, see the framebuffer change', async () => {
  await using undo = new AsyncDisposableStack()
  // The browser is outside of the host: each of its connections is made as if on it.
  const way_in = createServer(socket => {
    socket.on('error', () => socket.destroy())
    host.connect(7070).then(
      inside => {
        inside.on('error', () => socket.destroy())
        socket.once('close', () => inside.destroy())
        socket.pipe(inside).pipe(socket)
      },
      () => socket.destroy(),
    )
  })
  undo.defer(() => void way_in.close())
  await once(way_in.listen(0, '127.0.0.1'), 'listening')
  const { port } = way_in.address() as AddressInfo
  const token = (await host.must(['cat', '/var/lib/croft/local-admin.key'])).trim()
  const browser = await chromium.launch({
    executablePath: chromium_path,
    args: ['--no-sandbox', '--disable-gpu'],
  })
  undo.defer(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1400, height: 860 } })
  const problems: string[] = []
  page.on('console', message => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', error => problems.push(String(error)))
  await page.addInitScript(secret => sessionStorage.setItem('croft.token', secret), token)
  await page.goto(`http://127.0.0.1:${port}/ui/console/${id}?kind=serial`)
  await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
  await page.keyboard.type('\necho six times nine is $((6*9))\n')
  await page.locator('.xterm-accessibility').getByText('six times nine is 54').first().waitFor()
  await page.getByRole('button', { name: 'Graphical' }).click()
  await page.locator('.croft-console-state', { hasText: 'connected' }).waitFor()
  const before = await (await page.waitForFunction(drawn, '')).jsonValue()
  await page.keyboard.type('seen by chromium\n')
  await cloud.logged(id, /seen by chromium/)
  await page.waitForFunction(drawn, before)
  // A German keyboard's Z lies where Y is on the guest's: the guest hears of the place, and makes of it what its own layout says.
  const devtools = await page.context().newCDPSession(page)
  const german = { key: 'z', code: 'KeyY', text: 'z', windowsVirtualKeyCode: 90 }
  for (const type of ['keyDown', 'keyUp'] as const) await devtools.send('Input.dispatchKeyEvent', { type, ...german })
  await page.keyboard.type('es by its place\n')
  await cloud.logged(id, /yes by its place/)
  await page.screenshot({ path: picture, animations: 'disabled' })
  assert.deepEqual(problems, [])
})

/** From then on it is as was asked for since its last start. */
let starts = 1
async function restart(): Promise<void> {
  await cloud.must('instance', 'stop', 'hello', '--wait')
  await cloud.must('instance', 'start', 'hello', '--wait')
  starts++
  await cloud.logged(id, new RegExp(`(TINY READY[^]*){${starts}}`))
}

/** Of a guest's agent (spice-protocol, vd_agent.h): one message in one chunk, as printf writes it. */
const type = { clipboard: 4, announce: 6, grab: 7, request: 8 } as const
const utf8_text = 1
const by_demand = 1 << 5

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [n, value] of values.entries()) bytes.writeUInt32LE(value, 4 * n)
  return bytes
}

function message(kind: number, data: Buffer): Buffer {
  return Buffer.concat([words(1, 20 + data.length), words(1, kind, 0, 0, data.length), data])
}

const printed = (bytes: Buffer) =>
  `printf '${[...bytes].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')}' >&3\n`

/** What the guest's shell shows of a message: its bytes, whatever way they are cut. */
const shown = (kind: number, data: Buffer) =>
  new RegExp([...message(kind, data).subarray(8)].map(b => b.toString(16).padStart(2, '0')).join('\\s*'))

void test('what the guest copies reaches who sits there, and what that one copies the guest; not who looks on', async () => {
  await cloud.must('instance', 'update', 'hello', '--clipboard', 'shared')
  await restart()
  const shell = await cloud.console(id)
  shell.type(
    '\rfor p in /sys/class/virtio-ports/*; do [ "$(cat $p/name)" = com.redhat.spice.0 ] && exec 3<>/dev/${p##*/}; done\r',
  )
  shell.type('while dd bs=4096 count=1 <&3 2>/dev/null; do :; done | hexdump -v -e \'/1 "%02x\\n"\' &\r')
  // From here on it neither prompts nor echoes: either might come in the middle of what is shown of a message.
  shell.type(`stty -echo; echo qui''et; while read -r line; do eval "$line"; done\r`)
  await shell.says(/quiet\r?\n/)
  shell.type(printed(message(type.announce, words(1, by_demand))))
  const worker = await Vnc.over(await open({ kind: 'graphical' }))
  const looker = await Vnc.over(await open({ kind: 'graphical', view_only: true }))
  await worker.shareClipboard()
  await looker.shareClipboard()

  shell.type(printed(message(type.grab, words(utf8_text))))
  // All hear that there is something; who looks on asks in vain.
  await looker.clipboard(0x08000000)
  looker.sayClipboard(0x02000001)
  looker.sayClipboard(0x08000001)
  await worker.clipboard(0x08000000)
  worker.sayClipboard(0x02000001)
  await shell.says(shown(type.request, words(utf8_text)))
  shell.type(printed(message(type.clipboard, Buffer.concat([words(utf8_text), Buffer.from('aus dem Gast')]))))
  const text = inflateSync(await worker.clipboard(0x10000000), { finishFlush: 2 })
  assert.equal(text.subarray(4).toString().replace(/\0$/, ''), 'aus dem Gast')

  worker.sayClipboard(0x08000001)
  await shell.says(shown(type.grab, words(utf8_text)))
  shell.type(printed(message(type.request, words(utf8_text))))
  await worker.clipboard(0x02000000)
  const given = provideText(Buffer.from('zwei\r\nZeilen\0'))
  worker.sayClipboard(0x10000001, given.subarray(12))
  const told = await shell.says(/7a\s*77\s*65\s*69[^]*6c\s*65\s*6e((\s*00)*)/)
  assert.match(told[0].replaceAll(/\s/g, ''), /7a7765690a5a65696c656e$/, 'lines as guests end them, and no more')
  for (const one of [worker, looker, shell]) one.close()
})

void test('by SPICE, from its next start on, a program on the user’s machine types into it', async () => {
  const refused = await cloud.croft('instance', 'console', 'hello', '--spice')
  assert.match(refused.stderr, /hello has no SPICE.*--graphics spice/)
  await cloud.must('instance', 'update', 'hello', '--graphics', 'spice')
  // In the folder that is on every host's PATH, and only this host's.
  const folder = '/run/viewers'
  const viewer = `${folder}/remote-viewer`
  await mkdir(host.path(folder))
  await writeFile(host.path(viewer), '#!/bin/sh\nexec sh scripts/node.sh test/support/spice-viewer.ts "$1"\n')
  await chmod(host.path(viewer), 0o755)
  const env = { ...(await imageCache()), PATH: `${folder}:${process.env['PATH']}` }
  const sit = () => host.exec(['./croft', 'instance', 'console', 'hello', '--spice'], { env })
  assert.match((await sit()).stderr, /started without SPICE/, 'it was started before')
  await restart()
  const { code, stderr } = await sit()
  assert.equal(code, 0, stderr)
  await cloud.logged(id, /typed by spice/)
  assert.equal((await host.must(['sh', '-c', 'ls /tmp'])).includes('croft-spice-'), false)
})

void test('nothing of it listens on a port of the host', async () => {
  const { stdout } = await host.exec(['ss', '-Hltnp'])
  assert.doesNotMatch(stdout, /qemu/)
})
