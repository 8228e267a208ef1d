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
    const up = this.pipe(text => open && session.receive(text))
    const down = this.pipe(text => open && alive() && handlers.message(text))
    const close = (reason: string) => {
      if (!open) return
      open = false
      this.open.delete(wire)
      // The two ends learn of it when their own next packet does not get through.
      this.clock.after(this.random.between(1, 100), () => alive() && handlers.closed(reason))
      this.clock.after(this.random.between(1, 100), () => {
        cloud.agents.closed(session).catch(() => undefined)
      })
    }
    const wire: Wire = { host, url, cut: close }
    const session: AgentSession = cloud.agents.accept(host.id, { send: frame => down(JSON.stringify(frame)), close })
    this.open.add(wire)
    return { send: up, close: () => close('closed by the agent') }
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
