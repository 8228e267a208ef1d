/**
 * WebSockets of the public API: a viewer's console, joined to the socket that the instance's host has dialled. Who only looks
 * on is kept to that here, and here it is cut off when its right ends.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Timer } from '../../lib/clock.ts'
import { consoleClosed, consoleProtocol } from '../../model/console.ts'
import {
  type Taken,
  arrive,
  dialConsole,
  forgetViewers,
  leave,
  standings,
  takeTicket,
  watchMoves,
  watchViewers,
  whereabouts,
} from '../app/console.ts'
import { addressKey } from '../app/address-key.ts'
import { watchIdentity } from '../app/holders.ts'
import { type Cloud, forRequests } from '../cloud.ts'
import { inputOf } from './console-input.ts'
import { ask, closeWith, join, type Line } from './console-line.ts'
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
  whole: Cloud,
  server: { on(name: 'upgrade', listener: (...args: [IncomingMessage, Duplex, Buffer]) => void): unknown },
): () => void {
  const cloud = forRequests(whole)
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: frame_bytes_max,
    // The second is what VNC clients ask for; what is not offered is not agreed on.
    handleProtocols: offered => [consoleProtocol, 'binary'].find(one => offered.has(one)) ?? false,
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

interface Sitting extends Line {
  at: Taken['at']
}

/** All consoles that are open through this controller. */
class Sittings {
  readonly #cloud: Cloud
  /** By viewer, who has several with SPICE. */
  readonly #all = new Map<string, Set<Sitting>>()
  readonly #stops: (() => void)[]
  /** Who left, and whose row could not be taken out. */
  readonly #left = new Map<string, Taken['at']>()
  /** Whose rows are to be read, and whether rows are being read. */
  readonly #due = new Set<string>()
  #looking = false
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
      watchIdentity(cloud, () => {
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
    const sitting: Sitting = { at, viewer, host, input, lives: true, host_lives: true, takes: false }
    const all = this.#all.get(id) ?? new Set()
    this.#all.set(id, all.add(sitting))
    const gone = () => {
      all.delete(sitting)
      if (all.size === 0 && this.#all.get(id) === all) this.#all.delete(id)
      // The others of a viewer end with its first: the news of it comes back here, and to every controller that has one.
      if (ticket.viewer_id === null) this.#leave(id, at)
    }
    if (viewer.readyState === viewer.CLOSED) gone()
    else viewer.once('close', gone)
    join(sitting, () => void this.#hostEnded(sitting))
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
    this.#due.add(id)
    if (!this.#looking) void this.#look()
  }

  /** All that are due together, one look at a time: what was read first must not come to count after what was read later. */
  async #look(): Promise<void> {
    this.#looking = true
    // What else is asked for in this turn comes along.
    await Promise.resolve()
    while (this.#due.size > 0) {
      // Who sits down while it is read is looked at after that.
      const seen = [...this.#due].flatMap(id => [...(this.#all.get(id) ?? [])].map(sitting => ({ id, sitting })))
      this.#due.clear()
      if (seen.length === 0) break
      try {
        const found = await standings(this.#cloud, [...new Set(seen.map(({ id }) => id))])
        for (const { id, sitting } of seen) this.#hold(sitting, found.get(id))
      } catch (error) {
        // A database that is away is no reason to end what works.
        this.#failed(error)
      }
    }
    this.#looking = false
  }

  #hold({ viewer, host, input }: Sitting, stands: { view_only: boolean } | undefined): void {
    if (viewer.readyState !== viewer.OPEN) return
    if (!stands) return closeWith(viewer, consoleClosed.ended, 'This console was ended.')
    const freed = input.setViewOnly(stands.view_only)
    if (freed.length > 0) host.send(freed, { binary: true })
  }

  #ping(): void {
    this.#timer = this.#cloud.clock.after(ping_every_ms, () => this.#ping())
    const left = [...this.#left]
    this.#left.clear()
    for (const [id, at] of left) this.#leave(id, at)
    for (const [id, sittings] of this.#all) {
      for (const sitting of sittings) ask(sitting)
      this.#check(id)
    }
  }

  #failed(error: unknown): void {
    this.#cloud.log.warn({ err: error }, 'who sits at consoles could not be kept')
  }
}
