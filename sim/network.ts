/**
 * The wires between agents and controllers: frames arrive in order, late, now and then twice; wires are cut with what was
 * on them. Both ends are the real session and link code.
 */
import type { LinkDialler } from '../src/agent/agent.ts'
import type { AgentSession } from '../src/controller/agents/session.ts'
import type { Cloud } from '../src/controller/cloud.ts'
import type { Clock } from '../src/lib/clock.ts'
import type { SimulatedHost } from './host.ts'
import type { Seeded } from './random.ts'

export interface Listener {
  readonly url: string
  /** Undefined while no process listens there. */
  cloud(): Cloud | undefined
}

export interface Wire {
  readonly host: SimulatedHost
  readonly url: string
  cut(reason: string): void
}

type End = 'agent' | 'controller'
const ends: readonly End[] = ['agent', 'controller']

export class Wires {
  readonly open = new Set<Wire>()
  /** The chance that a frame arrives twice. */
  doubling = 0
  delay_ms = { low: 0, high: 20 }
  private readonly clock: Clock
  private readonly random: Seeded

  constructor(clock: Clock, random: Seeded) {
    this.clock = clock
    this.random = random
  }

  dialler(listeners: readonly Listener[]): (host: SimulatedHost, alive: () => boolean) => LinkDialler {
    return (host, alive) => ({
      urls: listeners.map(listener => listener.url),
      stream: () => Promise.reject(new Error('the simulation has no streams')),
      dial: async (url, handlers) => {
        await this.clock.sleep(this.random.between(1, 50))
        const cloud = listeners.find(listener => listener.url === url)?.cloud()
        if (host.cut || !host.powered || !cloud || !alive()) throw new Error('nobody answers')
        return this.join(host, url, cloud, alive, handlers)
      },
    })
  }

  private join(
    host: SimulatedHost,
    url: string,
    cloud: Cloud,
    alive: () => boolean,
    handlers: { message(text: string): void; closed(reason: string): void },
  ) {
    let open = true
    const passes = () => open && !host.cut
    const up = this.pipe(text => passes() && session.receive(text))
    const down = this.pipe(text => passes() && alive() && handlers.message(text))
    const told = new Set<End>()
    // An end learns of it when its own next packet does not get through.
    const tell = (end: End, reason: string) => {
      if (told.has(end)) return
      told.add(end)
      this.clock.after(this.random.between(1, 100), () => {
        if (end === 'controller') cloud.agents.closed(session).catch(() => undefined)
        else if (alive()) handlers.closed(reason)
      })
    }
    // Without an end it is the wire itself that breaks. While the host is cut off, nobody hears what the other end did.
    const close = (reason: string, by?: End) => {
      open = false
      this.open.delete(wire)
      for (const end of ends) if (by === undefined || by === end || !host.cut) tell(end, reason)
    }
    const wire: Wire = { host, url, cut: reason => close(reason) }
    const session: AgentSession = cloud.agents.accept(host.id, {
      send: frame => down(JSON.stringify(frame)),
      close: reason => close(reason, 'controller'),
    })
    this.open.add(wire)
    return { send: up, close: () => close('closed by the agent', 'agent') }
  }

  /** In order, each a little later than asked; in real time, too, where a later timer may be the first to fire. */
  private pipe(deliver: (text: string) => void): (text: string) => void {
    let last_ms = 0
    const under_way: string[] = []
    const next = () => {
      const text = under_way.shift()
      if (text !== undefined) deliver(text)
    }
    return text => {
      const times = this.random.chance(this.doubling) ? 2 : 1
      for (let n = 0; n < times; n++) {
        const at_ms = Math.max(
          last_ms,
          this.clock.now_ms() + this.random.between(this.delay_ms.low, this.delay_ms.high),
        )
        last_ms = at_ms
        under_way.push(text)
        this.clock.after(Math.max(0, at_ms - this.clock.now_ms()), next)
      }
    }
  }
}
