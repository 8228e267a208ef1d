/**
 * Only so many TLS handshakes at a time, and of each address in its turn; and none while so many links wait for their first word. When thousands of
 * hosts dial at once, because a controller was lost, handshakes that were begun together would end together: after everybody has given up, having cost
 * all that they cost. So would links whose hosts are all greeted after all handshakes, and these be made anew. Here those who dialled first are done
 * first, and who cannot have their turn in time are sent away before anything was computed for them: they dial again, perhaps another controller. An
 * address that opens very many connections waits for itself alone. What a connection is for is known after its handshake: streams of hosts that have
 * their link wait with all others.
 */
import type { Server, Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.ts'
import { addressKey } from '../app/address-key.ts'

/**
 * `at_once`: enough for a thousand a second over a network that takes 50 ms there and back. `counts_ms`: who is silent for longer in the
 * middle of its handshake, or after it, takes nobody's turn any more. `links_max`: so many links come at once, which the database takes in
 * together; `link_counts_ms`: as long as an agent waits for its welcome (welcomeWithin_ms in agent/link.ts). `waits_ms_max`: less than agents wait
 * (linkWithin_ms in agent/drivers/controller-client.ts; those of the version before 30 s), so that there is time left for the handshake itself; for a
 * controller among others.
 */
export const handshakeLimits = {
  at_once: 64,
  counts_ms: 2000,
  links_max: 256,
  link_counts_ms: 15_000,
  waits_ms_max: 7000,
}
/** `waits_ms_max` of the only controller that there is. Ten thousand are done in that time that else would dial twice or more. */
export const waits_alone_ms_max = 80_000

interface Held {
  socket: Socket
  since_ms: number
}

type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>

const keyOf = ({ remoteAddress, remotePort }: Ends) => `${remoteAddress} ${remotePort}`

export class Handshakes {
  private readonly clock: Clock
  private readonly limits: typeof handshakeLimits
  private readonly begin: (socket: Socket) => void
  /** Under way, by where they come from. */
  private readonly shaking = new Map<string, Timer>()
  /** Those whose handshake is over and whose link, as far as is known, has yet to begin. */
  private readonly coming = new Map<string, Timer>()
  /** By address; the first of the first is next. */
  private readonly held = new Map<string, Held[]>()
  private closing = false

  constructor(clock: Clock, limits: typeof handshakeLimits, begin: (socket: Socket) => void) {
    this.clock = clock
    this.limits = limits
    this.begin = begin
  }

  take(socket: Socket): void {
    const { remoteAddress } = socket
    // Gone before anybody looked.
    if (remoteAddress === undefined || this.closing) return void socket.destroy()
    const address = addressKey(remoteAddress)
    if (this.hasRoom && this.held.size === 0) return this.shake(socket)
    // An error that nobody listens to would end the process; the socket closes by itself.
    socket.once('error', () => undefined)
    const waiting = this.held.get(address) ?? []
    this.held.set(address, waiting)
    waiting.push({ socket, since_ms: this.clock.steady_ms() })
  }

  /** Its handshake has come to a good end. */
  shaken(socket: Ends): void {
    const key = keyOf(socket)
    this.counts(this.coming, key, this.limits.counts_ms)
    this.over(this.shaking, key)
  }

  /** It wants to be a link; `began` is called once it is one. */
  isLink(socket: Ends): void {
    const key = keyOf(socket)
    if (this.coming.has(key)) this.counts(this.coming, key, this.limits.link_counts_ms)
  }

  /** It waits for nothing any more that others would have to wait for. */
  began(socket: Ends): void {
    this.over(this.coming, keyOf(socket))
  }

  private get hasRoom(): boolean {
    const { at_once, links_max } = this.limits
    return this.shaking.size < at_once && this.shaking.size + this.coming.size < links_max
  }

  private counts(among: Map<string, Timer>, key: string, for_ms: number): void {
    among.get(key)?.cancel()
    among.set(
      key,
      this.clock.after(for_ms, () => this.over(among, key)),
    )
  }

  /** It has come to an end, one way or the other; or it counts no more. */
  private over(among: Map<string, Timer>, key: string): void {
    const timer = among.get(key)
    if (!timer) return
    timer.cancel()
    among.delete(key)
    while (this.hasRoom) {
      const next = this.next()
      if (!next) return
      this.shake(next)
    }
  }

  /** Nobody who waits will have a turn. */
  sendAway(): void {
    this.closing = true
    for (const { socket } of [...this.held.values()].flat()) socket.destroy()
    this.held.clear()
  }

  private shake(socket: Socket): void {
    // A socket that is closed has no address any more.
    const key = keyOf(socket)
    this.counts(this.shaking, key, this.limits.counts_ms)
    socket.once('close', () => {
      this.over(this.shaking, key)
      this.over(this.coming, key)
    })
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

/** `server`: of TLS, that does not listen yet, and whose requests wait for no link. */
export function holdBackHandshakes(server: Server, clock: Clock, limits = handshakeLimits): Handshakes {
  // What Node's own server does with a connection: it begins the handshake.
  const begins = server.listeners('connection') as ((socket: Socket) => void)[]
  const handshakes = new Handshakes(clock, limits, socket => {
    for (const begin of begins) begin.call(server, socket)
  })
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => handshakes.take(socket))
  server.on('secureConnection', (socket: Socket) => handshakes.shaken(socket))
  server.on('request', ({ socket }: { socket: Socket }) => handshakes.began(socket))
  return handshakes
}
