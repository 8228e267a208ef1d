/**
 * The host's end of consoles, for obedient hosts: a serial port that echoes, as SPICE does unless a guest's own is given, and a screen (RFB 3.8, RFC 6143) whose colour is the last
 * key pressed, and whose clipboard (rfbproto, extended) holds what a viewer gave it last. Real guests have tests of their own; these
 * are for what stands between a host and a viewer.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws'
import { provideText } from '../../src/lib/rfb-clipboard.ts'
import type { ObedientHost } from './obedient-host.ts'
import type { TestCloud } from './cloud.ts'

export interface ConsoleHost {
  /** What came over each stream that was asked for, in order. */
  readonly streams: { kind: string; heard: Buffer[]; socket: WebSocket }[]
  /** Why streams are refused, while set. */
  refuses: string | null
  /** A guest's SPICE, connected anew with each call; without it SPICE echoes. */
  spice: (() => Duplex) | null
  /** A guest's VNC in the same way; without it there is the screen of one colour. */
  vnc: (() => Duplex) | null
  close(): Promise<void>
}

/** `clouds`: the controllers that may ask. */
export async function serveConsolesOf(host: ObedientHost, clouds: readonly TestCloud[]): Promise<ConsoleHost> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const served: ConsoleHost = {
    streams: [],
    refuses: null,
    spice: null,
    vnc: null,
    async close() {
      for (const { socket } of served.streams) socket.terminate()
      for (const socket of server.clients) socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
  const dial = async (token: string, kind: string) => {
    // Each by a path of its own: of two that are dialled at once, either may arrive first.
    const path = `/${served.streams.length}`
    const joined = new Promise<WebSocket>(resolve => {
      const hear = (arrived: WebSocket, request: IncomingMessage) => {
        if (request.url !== path) return
        server.off('connection', hear)
        resolve(arrived)
      }
      server.on('connection', hear)
    })
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
    const heard: Buffer[] = []
    served.streams.push({ kind, heard, socket })
    socket.on('message', (data: Buffer) => heard.push(data))
    const guest = kind === 'graphics' ? served.vnc : kind === 'spice' ? served.spice : null
    if (guest) carry(socket, guest())
    else if (kind === 'graphics') screen(socket)
    else socket.on('message', (data: Buffer) => socket.send(data))
    if (socket.readyState !== socket.OPEN) await once(socket, 'open')
    const other = await joined
    if (!clouds.some(cloud => cloud.cloud.streams.arrive(host.id, token, other))) other.close()
    if (kind !== 'graphics' && kind !== 'spice') socket.send(Buffer.from('login: '))
  }
  host.onCall = params => {
    if (params.method !== 'stream') return { error: 'not here' }
    if (served.refuses !== null) return { error: served.refuses }
    void dial(params.token, params.kind)
    return { result: {} }
  }
  return served
}

/** Bytes both ways; either end takes the other with it. */
function carry(socket: WebSocket, guest: Duplex): void {
  const stream = createWebSocketStream(socket)
  for (const [one, other] of [
    [stream, guest],
    [guest, stream],
  ] as const) {
    one.pipe(other)
    one.on('error', () => other.destroy())
    one.once('close', () => other.destroy())
  }
}

const width = 640
const height = 400

/** Draws all of itself, raw, whenever it is asked after a key changed it, and once at first. */
function screen(socket: WebSocket): void {
  let said = Buffer.alloc(0)
  let phase: 'version' | 'security' | 'init' | 'messages' = 'version'
  let colour = 0x203040
  let drawn = -1
  let asked = false
  const clipboard = new Clipboard(socket)
  const draw = () => {
    if (!asked || drawn === colour) return
    asked = false
    drawn = colour
    const head = Buffer.alloc(16)
    head.writeUInt16BE(1, 2)
    head.writeUInt16BE(width, 8)
    head.writeUInt16BE(height, 10)
    const pixels = Buffer.alloc(width * height * 4)
    for (let n = 0; n < width * height; n++) pixels.writeUInt32LE(colour, n * 4)
    socket.send(Buffer.concat([head, pixels]))
  }
  const take = (count: number) => {
    const part = said.subarray(0, count)
    said = said.subarray(count)
    return part
  }
  const step = (): boolean => {
    if (phase === 'version' && said.length >= 12) {
      take(12)
      socket.send(Buffer.of(1, 1))
      phase = 'security'
    } else if (phase === 'security' && said.length >= 1) {
      take(1)
      socket.send(Buffer.alloc(4))
      phase = 'init'
    } else if (phase === 'init' && said.length >= 1) {
      take(1)
      const init = Buffer.alloc(24)
      init.writeUInt16BE(width, 0)
      init.writeUInt16BE(height, 2)
      // 32 bits, 24 of them colour, little-endian, true colour: blue lowest.
      init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4)
      init.writeUInt32BE(5, 20)
      socket.send(Buffer.concat([init, Buffer.from('guest')]))
      phase = 'messages'
    } else if (phase === 'messages') {
      const size = sizeOf(said)
      if (size === null || said.length < size) return false
      const message = take(size)
      if (message[0] === 3) asked = true
      clipboard.hear(message)
      if (message[0] === 4 && message[1] === 1) colour = (message.readUInt32BE(4) * 0x01_35_79) & 0xff_ff_ff
      draw()
    } else return false
    return true
  }
  socket.on('open', () => socket.send(Buffer.from('RFB 003.008\n')))
  socket.on('message', (data: Buffer) => {
    said = Buffer.concat([said, data])
    while (step()) continue
  })
}

/** Given 'copied in the guest' first. */
class Clipboard {
  readonly #socket: WebSocket
  #held: Buffer = provideText(Buffer.from('copied in the guest\0'))

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  hear(message: Buffer): void {
    const extended = Buffer.of(0xc0, 0xa1, 0xe5, 0xce)
    if (message[0] === 2 && message.includes(extended, 4)) {
      this.#say(Buffer.of(0x1f, 0, 0, 1, 0, 0x10, 0, 0))
      this.#say(Buffer.of(0x08, 0, 0, 1))
    }
    if (message[0] !== 6) return
    const action = message[8]
    if (action === 0x08) this.#say(Buffer.of(0x02, 0, 0, 1))
    if (action === 0x02) this.#say(this.#held.subarray(8))
    if (action === 0x10) this.#held = message
  }

  #say(body: Buffer): void {
    const head = Buffer.alloc(8)
    head[0] = 3
    head.writeInt32BE(-body.length, 4)
    this.#socket.send(Buffer.concat([head, body]))
  }
}

function sizeOf(said: Buffer): number | null {
  const sizes: Readonly<Record<number, number>> = { 0: 20, 3: 10, 4: 8, 5: 6 }
  if (said.length === 0) return null
  if (said[0] === 2) return said.length < 4 ? null : 4 + 4 * said.readUInt16BE(2)
  if (said[0] === 6) return said.length < 8 ? null : 8 + Math.abs(said.readInt32BE(4))
  return sizes[said[0] ?? 0] ?? 1
}
