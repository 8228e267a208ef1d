/**
 * Only so many TLS handshakes at a time, and of each address in its turn. When thousands of hosts dial at once, because a controller was
 * lost, handshakes that were begun together would end together: after everybody has given up, having cost all that they cost. Here those
 * who dialled first are done first, and who cannot have their turn in time are sent away before anything was computed for them: they dial
 * again, perhaps another controller. An address that opens very many connections waits for itself alone.
 */
import type { Server, Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.ts'
import { addressKey } from '../app/address-key.ts'

/**
 * `at_once`: enough for a thousand a second over a network that takes 50 ms there and back. `counts_ms`: who is silent for longer in the
 * middle of its handshake takes nobody's turn any more. `waits_ms_max`: less than agents wait (linkWithin_ms in
 * agent/drivers/controller-client.ts), so that there is time left for the handshake itself; for a controller among others.
 */
export const handshakeLimits = { at_once: 64, counts_ms: 2000, waits_ms_max: 7000 }
/** `waits_ms_max` of the only controller that there is. Thousands are done in that time that else would dial twice or more. */
export const waits_alone_ms_max = 20_000

interface Held {
  socket: Socket
  since_ms: number
}

const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

class Handshakes {
  private readonly clock: Clock
  private readonly limits: typeof handshakeLimits
  private readonly begin: (socket: Socket) => void
  /** Under way, by where they come from. */
  private readonly shaking = new Map<string, Timer>()
  /** By address; the first of the first is next. */
  private readonly held = new Map<string, Held[]>()

  constructor(clock: Clock, limits: typeof handshakeLimits, begin: (socket: Socket) => void) {
    this.clock = clock
    this.limits = limits
    this.begin = begin
  }

  take(socket: Socket): void {
    const { remoteAddress } = socket
    // Gone before anybody looked.
    if (remoteAddress === undefined) return void socket.destroy()
    const address = addressKey(remoteAddress)
    if (this.shaking.size < this.limits.at_once && this.held.size === 0) return this.shake(socket)
    // An error that nobody listens to would end the process; the socket closes by itself.
    socket.once('error', () => undefined)
    const waiting = this.held.get(address) ?? []
    this.held.set(address, waiting)
    waiting.push({ socket, since_ms: this.clock.steady_ms() })
  }

  /** Its handshake has come to an end, one way or the other; or it counts no more. */
  over(key: string): void {
    const timer = this.shaking.get(key)
    if (!timer) return
    timer.cancel()
    this.shaking.delete(key)
    while (this.shaking.size < this.limits.at_once) {
      const next = this.next()
      if (!next) return
      this.shake(next)
    }
  }

  /** Nobody who waits will have a turn. */
  sendAway(): void {
    for (const { socket } of [...this.held.values()].flat()) socket.destroy()
    this.held.clear()
  }

  private shake(socket: Socket): void {
    const key = keyOf(socket)
    this.shaking.set(
      key,
      this.clock.after(this.limits.counts_ms, () => this.over(key)),
    )
    socket.once('close', () => this.over(key))
    this.begin(socket)
  }

  /** Who has waited too long is sent away. */
  private next(): Socket | undefined {
    for (const [address, waiting] of this.held) {
      // To the end of the line, with what else is there of the same address.
      this.held.delete(address)
      const one = waiting.shift()
      if (waiting.length > 0) this.held.set(address, waiting)
      if (!one || one.socket.destroyed) continue
      if (this.clock.steady_ms() - one.since_ms <= this.limits.waits_ms_max) return one.socket
      one.socket.destroy()
    }
    return undefined
  }
}

/** `server`: of TLS, that does not listen yet. Returns how to send away who waits, for a server that is to close. */
export function holdBackHandshakes(server: Server, clock: Clock, limits = handshakeLimits): () => void {
  // What Node's own server does with a connection: it begins the handshake.
  const begins = server.listeners('connection') as ((socket: Socket) => void)[]
  const handshakes = new Handshakes(clock, limits, socket => {
    for (const begin of begins) begin.call(server, socket)
  })
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => handshakes.take(socket))
  server.on('secureConnection', (socket: Socket) => handshakes.over(keyOf(socket)))
  return () => handshakes.sendAway()
}
