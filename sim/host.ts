/**
 * A simulated host: the real agent over a hypervisor, storage and disk in memory. It can lose its agent, its power, its
 * link; what was on its disk is there when it comes back, what ran is not.
 */
import { Duplex, Readable } from 'node:stream'
import {
  type Agent,
  createAgent,
  type Domain,
  type DomainSpec,
  type Hypervisor,
  type HypervisorEvent,
  type LinkDialler,
  type Log,
  type PreparedDisk,
  type Storage,
} from '../src/agent/agent.ts'
import { Failure } from '../src/agent/ports.ts'
import type { Clock } from '../src/lib/clock.ts'
import type { HostFacts } from '../src/protocol/host-facts.ts'
import { type MovingGround, simulatedArrivals, simulatedMover } from './mover.ts'
import type { Seeded } from './random.ts'
import { simulatedSamples } from './samples.ts'
import { simulatedState } from './state.ts'
import { SimulatedWatchdog } from './watchdog.ts'

export interface HostOptions {
  id: string
  name: string
  facts: HostFacts
  random: Seeded
  log: Log
  /** The clock of one life of the agent: silent once it is dead. */
  clockOf(alive: () => boolean): Clock
  dialler(host: SimulatedHost, alive: () => boolean): LinkDialler
  /** Where hosts find each other for moves; without it, it takes part in none. */
  ground?: MovingGround
  /** A guest has begun to run here. */
  onRunning?(host: SimulatedHost, id: string): void
  /** The disks of a pool that it shares with others. */
  pool?: Map<string, string>
  /** Whether another machine lives, by its address. */
  reaches?(address: string): boolean
  /** It measures itself and its guests, when a controller wants it to. */
  measures?: boolean
  /** How long hypervisor and storage take, milliseconds. */
  latency_ms?: { low: number; high: number }
}

/** One life of the agent process. */
interface Life {
  alive: boolean
  agent: Promise<Agent>
}

export class SimulatedHost {
  readonly id: string
  readonly name: string
  readonly domains = new Map<string, Domain>()
  readonly volumes: Map<string, string>
  /** Volumes that were looked for in vain, though they had been made here: somebody's data is lost. */
  readonly missing = new Set<string>()
  readonly guestData = new Set<string>()
  /** Guests that were sent so far in their last move that another host may run them: it must be asked. */
  readonly handed_over = new Set<string>()
  powered = false
  /** Never comes back. */
  lost = false
  /** No packets in or out. */
  cut = false
  /** Each start fails with this probability. */
  failing = 0
  private readonly disk = new Map<string, Map<string, string>>()
  private readonly options: HostOptions
  private readonly random: Seeded
  private boots = 0
  private life: Life | undefined
  /** Of this boot. */
  private watchdog: SimulatedWatchdog
  private readonly listeners = new Set<(event: HypervisorEvent) => void>()

  constructor(options: HostOptions) {
    this.options = options
    this.id = options.id
    this.name = options.name
    this.random = options.random
    this.watchdog = this.newWatchdog()
    this.volumes = options.pool ?? new Map()
  }

  powerOn(): void {
    if (this.powered || this.lost) return
    this.powered = true
    this.boots++
    this.watchdog = this.newWatchdog()
    this.startAgent()
  }

  /** Everything that ran is gone at once; what a write had not finished is not there. */
  powerCut(): void {
    this.killAgent()
    this.powered = false
    this.watchdog.powerCut()
    for (const [id, domain] of this.domains) this.domains.set(id, { ...domain, power: 'off', off_reason: 'unknown' })
  }

  killAgent(): void {
    if (this.life) this.life.alive = false
    this.life = undefined
    this.listeners.clear()
  }

  startAgent(): void {
    if (!this.powered || this.life) return
    const life: Life = { alive: true, agent: Promise.resolve() as never }
    const alive = () => life.alive
    const clock = this.options.clockOf(alive)
    life.agent = createAgent({
      hypervisor: this.hypervisor(alive, clock),
      storage: this.storage(alive, clock),
      guestData: {
        prepare: async instance => {
          await this.pause(alive, clock)
          if (!instance.config_drive) return null
          this.guestData.add(instance.id)
          return `/config/${instance.id}`
        },
        remove: async id => {
          await this.pause(alive, clock)
          this.guestData.delete(id)
        },
      },
      network: { apply: () => this.pause(alive, clock) },
      state: simulatedState(this.disk, () => this.pause(alive, clock)),
      link: this.options.dialler(this, alive),
      facts: { read: async () => this.options.facts },
      ...(this.options.ground && this.moves(this.options.ground, alive, clock)),
      probe: async ({ address, timeout_ms }) => {
        if (!this.options.reaches?.(address)) await clock.sleep(timeout_ms)
        return { reached: this.options.reaches?.(address) ? 'machine' : 'none' }
      },
      ...(this.options.measures && { samples: this.samples(clock) }),
      watchdog: this.watchdog.port(alive),
      clock,
      random: this.random,
      log: this.options.log,
      boot_id: `${this.name}-boot-${this.boots}`,
    })
    life.agent.catch(error => this.options.log.error({ error, host: this.name }, 'a simulated agent could not start'))
    this.life = life
  }

  async stop(): Promise<void> {
    const life = this.life
    if (!life) return
    const agent = await life.agent
    await agent.stop()
    life.alive = false
  }

  /** The guest shuts itself down, or crashes. */
  guestEnds(id: string, off_reason: 'guest' | 'crashed'): void {
    const domain = this.domains.get(id)
    if (domain?.power === 'running') this.put({ ...domain, power: 'off', off_reason })
  }

  private moves(ground: MovingGround, alive: () => boolean, clock: Clock) {
    const pause = () => this.pause(alive, clock)
    const { random } = this
    return {
      mover: simulatedMover({ ground, host: this, alive, clock, random, pause }),
      arrivals: simulatedArrivals(pause),
    }
  }

  private newWatchdog(): SimulatedWatchdog {
    const boot = this.boots
    const clock = this.options.clockOf(() => this.powered && this.boots === boot)
    return new SimulatedWatchdog(clock, id => {
      const domain = this.domains.get(id)
      if (domain?.power !== 'running' && domain?.power !== 'paused') return false
      this.put({ ...domain, power: 'off', off_reason: 'crashed' })
      return true
    })
  }

  put(domain: Domain): void {
    this.domains.set(domain.id, domain)
    if (domain.power === 'running') this.options.onRunning?.(this, domain.id)
    for (const listener of this.listeners) listener({ kind: 'changed', id: domain.id })
  }

  /** Takes its time; a life that ends meanwhile never comes back from here. */
  private async pause(alive: () => boolean, clock: Clock): Promise<void> {
    const { low, high } = this.options.latency_ms ?? { low: 1, high: 200 }
    await clock.sleep(this.random.between(low, high))
    if (!alive()) await new Promise<never>(() => {})
  }

  private hypervisor(alive: () => boolean, clock: Clock): Hypervisor {
    const pause = () => this.pause(alive, clock)
    return {
      list: async () => {
        await pause()
        return [...this.domains.values()]
      },
      look: async id => {
        await pause()
        return this.domains.get(id) ?? null
      },
      define: async ({ instance: { id } }: DomainSpec) => {
        await pause()
        const there = this.domains.get(id)
        const fresh = { id, name: id, ours: true, power: 'off', off_reason: 'unknown', paused_reason: null } as const
        this.put(there ?? fresh)
        await pause()
      },
      start: async id => {
        await pause()
        if (this.random.chance(this.failing)) throw new Failure('the simulated hypervisor refuses')
        const domain = this.domains.get(id)
        if (!domain) throw new Failure('there is no such domain')
        this.put({ ...domain, power: 'running', off_reason: null })
        await pause()
      },
      askShutdown: async id => {
        await pause()
        const domain = this.domains.get(id)
        if (domain?.power === 'running' && this.random.chance(0.8))
          this.put({ ...domain, power: 'off', off_reason: 'guest' })
      },
      cut: async id => {
        await pause()
        const domain = this.domains.get(id)
        if (domain && domain.power !== 'off') this.put({ ...domain, power: 'off', off_reason: 'cut' })
        await pause()
      },
      resume: async id => {
        await pause()
        const domain = this.domains.get(id)
        if (domain) this.put(asRunning(domain))
      },
      undefine: async id => {
        await pause()
        this.domains.delete(id)
        await pause()
      },
      forget: pause,
      subscribe: listener => void this.listeners.add(event => alive() && listener(event)),
      openConsole: async () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }),
      openGraphics: async () => {
        throw new Failure('A simulated guest has no screen.')
      },
      readConsoleLog: async () => Readable.from([`simulated console of ${this.name}\n`]),
      guestAgent: async () => false,
      guestFacts: async () => ({ addresses: [], os: null }),
      setPassword: async () => 'no_agent',
      grow: async () => undefined,
      confine: async () => undefined,
    }
  }

  private samples(clock: Clock) {
    const running = () => [...this.domains.values()].filter(one => one.power === 'running').map(one => one.id)
    return simulatedSamples(this.name, clock, { running }, this.options.facts)
  }

  private storage(alive: () => boolean, clock: Clock): Storage {
    return {
      prepare: async (instance, _show, _signal, made = []) => {
        const disks: PreparedDisk[] = []
        for (const wanted of instance.disks) {
          await this.pause(alive, clock)
          const there = this.volumes.has(wanted.volume_id)
          if (!there && made.includes(wanted.volume_id)) {
            this.missing.add(wanted.volume_id)
            throw new Failure(`the disk ${wanted.volume_id} was here and is lost`)
          }
          this.volumes.set(wanted.volume_id, instance.id)
          disks.push({ wanted, path: `/disks/${wanted.volume_id}`, format: 'qcow2', direct_io: true })
        }
        return disks
      },
      remove: async disks => {
        for (const { volume_id } of disks) {
          await this.pause(alive, clock)
          this.volumes.delete(volume_id)
        }
      },
      present: async ids => {
        await this.pause(alive, clock)
        return ids.filter(id => this.volumes.has(id))
      },
    }
  }
}

/** It goes on, and is in no move any more. */
function asRunning({ moving: _, ...domain }: Domain): Domain {
  return { ...domain, power: 'running', paused_reason: null }
}
