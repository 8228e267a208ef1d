/** How handshakes of agents are held back, on plain sockets of this machine: one that is begun ends when the test says so. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { handshakeLimits, holdBackHandshakes } from '../../../src/controller/agents/handshakes.ts'
import { VirtualClock } from '../../../sim/clock.ts'

describe('controller/handshakes', () => {
  let server: Server
  let clock: VirtualClock
  let sendAway: () => void
  let dialled: Socket[]
  /** Handshakes that were begun, in their order. */
  let begun: Socket[]
  let came: () => void

  beforeEach(async () => {
    clock = new VirtualClock(0)
    ;[dialled, begun, came] = [[], [], () => undefined]
    server = createServer(socket => {
      begun.push(socket)
      came()
    })
    sendAway = holdBackHandshakes(server, clock, { ...handshakeLimits, at_once: 2 })
    server.on('connection', () => came())
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterEach(async () => {
    for (const socket of [...dialled, ...begun]) socket.destroy()
    sendAway()
    await new Promise(resolve => server.close(resolve))
  })

  /** From an address of this machine; resolves once the server has it. */
  async function dial(localAddress = '127.0.0.1'): Promise<Socket> {
    const has = new Promise<void>(resolve => (came = resolve))
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress })
    socket.on('error', () => undefined)
    dialled.push(socket)
    await Promise.all([once(socket, 'connect'), has])
    return socket
  }
  const pass = (ms: number) => {
    const until_ms = clock.now_ms() + ms
    while (clock.step(until_ms));
  }
  const ports = () => begun.map(socket => socket.remotePort)
  const ends = (n: number) => server.emit('secureConnection', begun[n])

  test('so many at a time, the next as soon as one is done', async () => {
    const all = [await dial(), await dial(), await dial(), await dial()]
    assert.deepEqual(
      ports(),
      all.slice(0, 2).map(one => one.localPort),
    )
    ends(1)
    assert.equal(ports()[2], all[2]?.localPort)
    // Who hangs up in the middle of it makes room, too.
    const more = new Promise<void>(resolve => (came = resolve))
    begun[0]?.destroy()
    await more
    assert.equal(ports()[3], all[3]?.localPort)
  })

  test('an address that opens very many waits for itself alone', async () => {
    for (let n = 0; n < 6; n++) await dial('127.0.0.1')
    const other = await dial('127.0.0.2')
    ends(0)
    ends(1)
    assert.equal(ports()[3], other.localPort)
  })

  test('who is silent in the middle of it takes nobody’s turn for long', async () => {
    const all = [await dial(), await dial(), await dial()]
    pass(handshakeLimits.counts_ms)
    assert.equal(ports()[2], all[2]?.localPort)
  })

  test('who cannot have a turn in time is sent away, with nothing begun', async () => {
    // Two every two seconds: the ninth would begin after eight.
    for (let n = 0; n < 9; n++) await dial()
    const closed = once(dialled[8] as Socket, 'close')
    pass(handshakeLimits.waits_ms_max + handshakeLimits.counts_ms)
    await closed
    assert.equal(begun.length, 8)
  })

  test('a server that closes sends away who waits', async () => {
    const [, , waiting] = [await dial(), await dial(), await dial()]
    const closed = once(waiting, 'close')
    sendAway()
    await closed
  })
})
