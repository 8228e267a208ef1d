/** How handshakes of agents are held back, on plain sockets of this machine: one that is begun ends when the test says so. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { handshakeLimits, type Handshakes, holdBackHandshakes } from '../../../src/controller/agents/handshakes.ts'
import { VirtualClock } from '../../../sim/clock.ts'

/** Less than anybody waits in the line. */
const link_counts_ms = 5000

describe('controller/handshakes', () => {
  let server: Server
  let clock: VirtualClock
  let handshakes: Handshakes
  let dialled: Socket[]
  /** Handshakes that were begun, in their order. */
  let begun: Socket[]
  /** All that came, as the server has them. */
  let held: Socket[]
  let came: () => void

  beforeEach(async () => {
    clock = new VirtualClock(0)
    ;[dialled, begun, held, came] = [[], [], [], () => undefined]
    server = createServer(socket => {
      begun.push(socket)
      came()
    })
    handshakes = holdBackHandshakes(server, clock, { ...handshakeLimits, at_once: 2, links_max: 3, link_counts_ms })
    server.on('connection', socket => {
      held.push(socket)
      came()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterEach(async () => {
    for (const socket of [...dialled, ...begun]) socket.destroy()
    handshakes.sendAway()
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
  /** Of no link. */
  const ends = (n: number) => {
    server.emit('secureConnection', begun[n])
    server.emit('request', { socket: begun[n] })
  }
  /** Its handshake has ended, and it wants to be a link. */
  const comes = (n: number) => {
    server.emit('secureConnection', begun[n])
    handshakes.isLink(begun[n] as Socket)
  }

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

  test('so many links come at a time: the next handshake waits until one of them has begun or ended', async () => {
    const all = [await dial(), await dial(), await dial(), await dial(), await dial(), await dial()]
    for (const n of [0, 1, 2]) comes(n)
    assert.equal(begun.length, 3)
    handshakes.began(begun[1] as Socket)
    assert.deepEqual(ports()[3], all[3]?.localPort)
    const more = new Promise<void>(resolve => (came = resolve))
    begun[0]?.destroy()
    await more
    assert.equal(begun.length, 5)
    handshakes.began(begun[2] as Socket)
    assert.equal(begun.length, 5, 'two are in the middle of their handshakes')
  })

  test('a link that never begins, or of which nothing is heard, counts for so long', async () => {
    const all: Socket[] = []
    for (let n = 0; n < 6; n++) all.push(await dial())
    for (const n of [0, 1]) comes(n)
    server.emit('secureConnection', begun[2])
    assert.equal(begun.length, 3)
    pass(handshakeLimits.counts_ms)
    assert.equal(begun.length, 4)
    comes(3)
    assert.equal(begun.length, 4)
    pass(link_counts_ms - handshakeLimits.counts_ms)
    assert.deepEqual(
      ports().slice(4),
      all.slice(4).map(one => one.localPort),
    )
  })

  test('nothing is computed for who has given up, though its first words were not read', async () => {
    const all = [await dial(), await dial(), await dial()]
    const gone = all[2] as Socket
    await new Promise(resolve => gone.write('hello', resolve))
    const seen = new Promise(resolve => held.at(-1)?.once('close', resolve))
    gone.resetAndDestroy()
    await seen
    const next = await dial()
    ends(0)
    assert.equal(ports()[2], next.localPort)
  })

  test('a server that closes sends away who waits', async () => {
    const [, , waiting] = [await dial(), await dial(), await dial()]
    const closed = once(waiting, 'close')
    handshakes.sendAway()
    await closed
  })
})
