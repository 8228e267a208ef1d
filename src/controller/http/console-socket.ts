/**
 * WebSockets of the public API: a viewer's console, joined to the socket that the instance's host has dialled. Who only looks
 * on is kept to that here, and here it is cut off when its right ends.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Timer } from '../../lib/clock.ts'
import { MalformedRfb } from '../../lib/rfb.ts'
import { MalformedSpice } from '../../lib/spice.ts'
import { consoleClosed } from '../../model/console.ts'
import {
  type Taken,
  arrive,
  dialConsole,
  forgetViewers,
  leave,
  standing,
  takeTicket,
  watchMoves,
  watchRights,
  watchViewers,
  whereabouts,
} from '../app/console.ts'
import { addressKey } from '../app/address-key.ts'
import type { Cloud } from '../cloud.ts'
import { type Input, inputOf } from './console-input.ts'
import { RateLimiter, rateOf } from './rate-limit.ts'

const path = /^\/v1\/consoles\/([A-Za-z0-9_-]{43})(?:\?replay_bytes=(\d{1,6}))?$/
const frame_bytes_max = 1024 * 1024
/** Proxies on the way hear something before they grow tired of a silent connection, and the dead are found. */
const ping_every_ms = 20_000
/** How long a viewer waits for a guest that was just on its way. */
const move_ms_max = 10_000

/**
 * Answers upgrades on the API's server; anything that is not a console with a good ticket is refused. Returns what ends
 * all consoles: upgraded sockets are no longer the server's, which would wait for them for ever as it closes.
 */
export function serveConsoles(
  cloud: Cloud,
  server: { on(name: 'upgrade', listener: (...args: [IncomingMessage, Duplex, Buffer]) => void): unknown },
): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: frame_bytes_max,
    // The one that noVNC may ask for; what is not offered is not agreed on.
    handleProtocols: offered => (offered.has('binary') ? 'binary' : false),
  })
  const sittings = new Sittings(cloud)
  const rates = new RateLimiter(cloud.clock, rateOf(cloud.settings))
  server.on('upgrade', (request, socket, head) => {
    // Node's server lets go of an upgraded socket: an error on it that nobody listens to would end the whole process.
    socket.on('error', error => cloud.log.debug({ err: error }, 'a viewer hung up'))
    const [, ticket, replay_bytes] = path.exec(request.url ?? '') ?? []
    const address = request.socket.remoteAddress ?? ''
    // Requests for upgrades come by none of the server's hooks, and each asks the database.
    if (!rates.takes(addressKey(address))) return refuse(socket, '429 Too Many Requests')
    const taking = ticket ? takeTicket(cloud, ticket) : Promise.resolve(null)
    taking
      .then(taken => {
        if (!taken) return refuse(socket, '403 Forbidden')
        if (socket.destroyed) return undefined
        sockets.handleUpgrade(request, socket, head, viewer => {
          void sittings.begin(viewer, taken, { address, replay_bytes: Number(replay_bytes ?? 0) })
        })
        return undefined
      })
      .catch(error => {
        cloud.log.warn({ err: error }, 'a console could not be opened')
        refuse(socket, '503 Service Unavailable')
      })
  })
  return () => {
    sittings.close()
    for (const viewer of sockets.clients) viewer.terminate()
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** A reason has to fit a control frame: 125 bytes with the code (RFC 6455, 5.5). */
function closeWith(viewer: WebSocket, code: number, reason: string): void {
  let text = reason
  while (Buffer.byteLength(text) > 123) text = `${text.slice(0, -2).trimEnd()}…`.replace(/…+$/, '…')
  viewer.close(code, text)
}

interface Sitting {
  at: Taken['at']
  viewer: WebSocket
  host: WebSocket
  input: Input
  /** Answered the last ping. */
  lives: boolean
  host_lives: boolean
  /** Its row is being read; and it has to be read anew after that. */
  looking: boolean
  again: boolean
}

/** All consoles that are open through this controller. */
class Sittings {
  readonly #cloud: Cloud
  /** By viewer, who has several with SPICE. */
  readonly #all = new Map<string, Set<Sitting>>()
  readonly #stops: (() => void)[]
  /** Who left, and whose row could not be taken out. */
  readonly #left = new Map<string, Taken['at']>()
  #timer: Timer

  constructor(cloud: Cloud) {
    this.#cloud = cloud
    // Of a former life.
    forgetViewers(cloud).catch(error => this.#failed(error))
    const checkAll = () => {
      for (const [id, sittings] of this.#all) {
        this.#check(id)
        for (const sitting of sittings) void this.#follow(sitting)
      }
    }
    this.#stops = [
      watchViewers(cloud, id => (id === null ? checkAll() : this.#check(id))),
      watchRights(cloud, () => {
        for (const id of this.#all.keys()) this.#check(id)
      }),
      watchMoves(cloud, id => this.#moved(id)),
    ]
    this.#timer = cloud.clock.after(ping_every_ms, () => this.#ping())
  }

  close(): void {
    for (const stop of this.#stops) stop()
    this.#timer.cancel()
    this.#all.clear()
  }

  async begin(viewer: WebSocket, taken: Taken, from: { address: string; replay_bytes: number }): Promise<void> {
    viewer.on('error', error => this.#cloud.log.debug({ err: error }, 'a viewer’s console broke'))
    // What it says before the host is there waits.
    viewer.pause()
    let host: WebSocket
    try {
      host = await dialConsole(this.#cloud, taken, from.replay_bytes)
    } catch (error) {
      viewer.resume()
      return closeWith(viewer, consoleClosed.unavailable, error instanceof Error ? error.message : String(error))
    }
    host.on('error', error => this.#cloud.log.debug({ err: error }, 'a host’s console broke'))
    host.pause()
    try {
      await arrive(this.#cloud, taken, from.address)
      this.#join(taken, viewer, host)
    } catch (error) {
      this.#failed(error)
      // It may have been written all the same.
      this.#left.set(taken.id, taken.at)
      host.terminate()
      viewer.resume()
      closeWith(viewer, consoleClosed.unavailable, 'The console could not be opened. Try again.')
    }
  }

  #join({ id, ticket, at }: Taken, viewer: WebSocket, host: WebSocket): void {
    const input = inputOf(ticket, this.#cloud.clock)
    const sitting: Sitting = { at, viewer, host, input, lives: true, host_lives: true, looking: false, again: false }
    const all = this.#all.get(id) ?? new Set()
    this.#all.set(id, all.add(sitting))
    viewer.on('pong', () => {
      sitting.lives = true
    })
    host.on('pong', () => {
      sitting.host_lives = true
    })
    const gone = () => {
      all.delete(sitting)
      if (all.size === 0 && this.#all.get(id) === all) this.#all.delete(id)
      // The others of a viewer end with its first: the news of it comes back here, and to every controller that has one.
      if (ticket.viewer_id === null) this.#leave(id, at)
    }
    if (viewer.readyState === viewer.CLOSED) gone()
    else viewer.once('close', gone)
    join(viewer, host, input, () => void this.#hostEnded(sitting))
    viewer.resume()
    host.resume()
    // Control may have been taken away, or the right to it, since the ticket was made.
    this.#check(id)
  }

  /** The instance is elsewhere: whoever sits at it is sent there. */
  #moved(instance_id: string): void {
    for (const sittings of this.#all.values()) {
      for (const sitting of sittings) if (sitting.at.id === instance_id) void this.#follow(sitting)
    }
  }

  async #follow(sitting: Sitting): Promise<boolean> {
    try {
      const where = await whereabouts(this.#cloud, sitting.at)
      if (where === 'moved') closeWith(sitting.viewer, consoleClosed.moved, 'The instance is on another host now.')
      return where !== 'here'
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  /** A guest that goes over ends on its old host a moment before its new one is known: who sits there waits for that. */
  async #hostEnded(sitting: Sitting): Promise<void> {
    const end = () =>
      closeWith(sitting.viewer, consoleClosed.gone, 'The console ended: the guest stopped, moved, or its host went.')
    if (!(await this.#follow(sitting))) return end()
    // After it has moved it is closed by then, and this does nothing.
    const timer = this.#cloud.clock.after(move_ms_max, end)
    sitting.viewer.once('close', () => timer.cancel())
  }

  /** One that cannot be written now is tried again with the next ping: nobody is shown who is not there. */
  #leave(id: string, at: Taken['at']): void {
    leave(this.#cloud, id, at).catch(error => {
      this.#left.set(id, at)
      this.#failed(error)
    })
  }

  /** Its row changed, or is gone, or what it rests on is. */
  #check(id: string): void {
    for (const sitting of this.#all.get(id) ?? []) {
      sitting.again = true
      if (!sitting.looking) void this.#look(id, sitting)
    }
  }

  /** One look at a time: what was read first must not come to count after what was read later. */
  async #look(id: string, sitting: Sitting): Promise<void> {
    sitting.looking = true
    const sits = () => this.#all.get(id)?.has(sitting) === true
    while (sitting.again && sits()) {
      sitting.again = false
      try {
        const stands = await standing(this.#cloud, id, sitting.at)
        if (!stands) {
          closeWith(sitting.viewer, consoleClosed.ended, 'This console was ended.')
          break
        }
        const freed = sitting.input.setViewOnly(stands.view_only)
        if (freed.length > 0) sitting.host.send(freed, { binary: true })
      } catch (error) {
        // A database that is away is no reason to end what works.
        this.#failed(error)
      }
    }
    sitting.looking = false
  }

  #ping(): void {
    this.#timer = this.#cloud.clock.after(ping_every_ms, () => this.#ping())
    const left = [...this.#left]
    this.#left.clear()
    for (const [id, at] of left) this.#leave(id, at)
    for (const [id, sittings] of this.#all) {
      for (const sitting of sittings) ping(sitting)
      this.#check(id)
    }
  }

  #failed(error: unknown): void {
    this.#cloud.log.warn({ err: error }, 'who sits at consoles could not be kept')
  }
}

/** Ends who did not answer the last one. */
function ping(sitting: Sitting): void {
  if (!sitting.lives) return sitting.viewer.terminate()
  // One that is not read, because its viewer reads slowly, cannot answer; one that is gone for good ends for its viewer too.
  if (!sitting.host_lives && !sitting.host.isPaused) return sitting.host.terminate()
  sitting.host_lives = false
  sitting.lives = false
  sitting.viewer.ping()
  sitting.host.ping()
}

const queued_bytes_max = 4 * 1024 * 1024

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : data
}

/** Bytes both ways until either end closes; what is to become of a viewer whose host has ended is the caller's. A viewer too slow to read pauses the host's socket, not the controller. */
function join(viewer: WebSocket, host: WebSocket, input: Input, hostEnded: () => void): void {
  const carry = (from: WebSocket, to: WebSocket, bytes: Buffer) => {
    to.send(bytes, { binary: true }, () => from.resume())
    if (to.bufferedAmount > queued_bytes_max) from.pause()
  }
  viewer.on('message', data => {
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
