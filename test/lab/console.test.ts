/**
 * Consoles of a real guest, through the agent's stream and the controller's proxy: its screen over VNC, which changes as keys are pressed
 * and not for who only looks on, and its serial line with two viewers. No port of the host listens for any of it.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { consoleRoutes } from '../../src/api/console.ts'
import { instanceRoutes } from '../../src/api/instance.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { Cloud, controller_url } from './bed/cloud.ts'
import { imageCache } from './bed/image-cache.ts'
import { Vnc } from '../support/vnc.ts'

let bed: Bed
let host: Host
let cloud: Cloud
let id: string

before(async () => {
  await imageCache()
  bed = await createBed()
  host = await bed.addHost('alpha')
  cloud = new Cloud(host)
  await cloud.must('up')
  id = (await cloud.instance('hello')).id
  await cloud.logged(id, /TINY READY/)
})
after(() => bed?.close())

async function open(body: { kind: 'serial' | 'graphical'; view_only?: boolean; replay_bytes?: number }) {
  const client = await cloud.client()
  const { url } = await client.call(instanceRoutes.console, { params: { instance: id }, body })
  return new WebSocket(`${controller_url}${url}`.replace(/^http/, 'ws'), ['binary'], { agent: host.agent })
}

const a = 0x61
const ret = 0xff0d

void test('a screen is drawn, changes when keys are pressed, and not when who only looks on presses them', async () => {
  const worker = await Vnc.over(await open({ kind: 'graphical' }))
  const looker = await Vnc.over(await open({ kind: 'graphical', view_only: true }))
  assert.ok(worker.width >= 640 && worker.height >= 400, `${worker.width} × ${worker.height}`)
  const first = await worker.picture()
  assert.deepEqual((await looker.picture()).length, first.length)
  // A getty or a shell of the guest's first terminal echoes.
  const changed = worker.change()
  worker.press(a)
  worker.press(ret)
  await changed
  const client = await cloud.client()
  const { items } = await client.call(consoleRoutes.list, { params: { instance: id } })
  assert.deepEqual(items.map(one => one.view_only).toSorted(), [false, true])
  worker.close()
  looker.close()
})

void test('two sit at the serial line: both see what either types, and a newcomer what was before', async () => {
  const read = async (socket: WebSocket, pattern: RegExp) => {
    const signal = AbortSignal.timeout(20_000)
    let text = seen.get(socket) ?? ''
    while (!pattern.test(text)) {
      const [data] = (await once(socket, 'message', { signal })) as [Buffer]
      text += data.toString('latin1')
      seen.set(socket, text)
    }
  }
  const seen = new Map<WebSocket, string>()
  const one = await open({ kind: 'serial' })
  const two = await open({ kind: 'serial', view_only: true })
  await Promise.all([once(one, 'open'), once(two, 'open')])
  const both = Promise.all([read(one, /is 42\s/), read(two, /is 42\s/)])
  one.send('\r')
  two.send('echo never\r')
  one.send('echo six times seven is $((6*7))\r')
  await both
  const three = await open({ kind: 'serial', replay_bytes: 65_536 })
  await read(three, /TINY READY[^]*is 42\s/)
  assert.doesNotMatch(seen.get(two) ?? '', /never/)
  for (const socket of [one, two, three]) socket.close()
})

void test('nothing of it listens on a port of the host', async () => {
  const { stdout } = await host.exec(['ss', '-Hltnp'])
  assert.doesNotMatch(stdout, /qemu/)
})
