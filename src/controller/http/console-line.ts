/** One viewer's line to a guest: what passes, and how it is found out that an end has gone. Whose it is, and for how long, is console-socket.ts's. */
import type { RawData, WebSocket } from 'ws'
import { MalformedRfb } from '../../lib/rfb.ts'
import { MalformedSpice } from '../../lib/spice.ts'
import { consoleClosed, consoleProtocol, typedStates } from '../../model/console.ts'
import type { Input } from './console-input.ts'

export interface Line {
  viewer: WebSocket
  host: WebSocket
  input: Input
  /** Said something since it was last asked, if only that it lives. */
  lives: boolean
  host_lives: boolean
  /** The viewer took something since then of what waits for it: its answer waits behind that. */
  takes: boolean
}

/** A reason has to fit a control frame: 125 bytes with the code (RFC 6455, 5.5). */
export function closeWith(viewer: WebSocket, code: number, reason: string): void {
  let text = reason
  while (Buffer.byteLength(text) > 123) text = `${text.slice(0, -2).trimEnd()}…`.replace(/…+$/, '…')
  viewer.close(code, text)
}

/** Ends who did not answer the last one; not who could not yet, because the other end is slow or its own line is. */
export function ask(line: Line): void {
  const { viewer, host } = line
  const is_slow = viewer.isPaused || (line.takes && viewer.bufferedAmount > 0)
  if (!line.lives && !is_slow) return viewer.terminate()
  // One that is gone for good ends for its viewer too.
  if (!line.host_lives && !host.isPaused) return host.terminate()
  line.host_lives = false
  line.lives = false
  line.takes = false
  viewer.ping()
  host.ping()
}

const queued_bytes_max = 4 * 1024 * 1024

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : data
}

/** Bytes both ways until either end closes; what is to become of a viewer whose host has ended is the caller's. A viewer too slow to read pauses the host's socket, not the controller. */
export function join(line: Line, hostEnded: () => void): void {
  const { viewer, host, input } = line
  for (const said of ['pong', 'message'] as const) {
    viewer.on(said, () => {
      line.lives = true
    })
    host.on(said, () => {
      line.host_lives = true
    })
  }
  // Whether the guest reads what is typed, of which the host tells unasked. Who does not read fills no memory with it.
  host.on('pong', data => {
    const state = typedStates.find(one => data.equals(Buffer.from(one)))
    if (!state || viewer.protocol !== consoleProtocol || viewer.readyState !== viewer.OPEN) return
    if (viewer.bufferedAmount < queued_bytes_max) viewer.send(state)
  })
  const carry = (from: WebSocket, to: WebSocket, bytes: Buffer) => {
    to.send(bytes, { binary: true }, () => {
      if (to === viewer) line.takes = true
      from.resume()
    })
    if (to.bufferedAmount > queued_bytes_max) from.pause()
  }
  viewer.on('message', (data, is_binary) => {
    if (!is_binary && viewer.protocol === consoleProtocol) {
      // Who asks and does not read fills no memory.
      if (viewer.bufferedAmount < queued_bytes_max) viewer.send('pong')
      return
    }
    try {
      const bytes = input.take(bytesOf(data))
      if (bytes.length > 0) carry(viewer, host, bytes)
    } catch (error) {
      if (!(error instanceof MalformedRfb || error instanceof MalformedSpice)) throw error
      const which = error instanceof MalformedRfb ? 'VNC' : 'SPICE'
      closeWith(viewer, consoleClosed.malformed, `This is not what a ${which} client says: ${error.message}.`)
    }
  })
  host.on('message', data => carry(host, viewer, bytesOf(data)))
  viewer.once('close', () => host.close())
  if (host.readyState === host.CLOSED) hostEnded()
  else host.once('close', hostEnded)
  if (viewer.readyState === viewer.CLOSED) host.close()
}
