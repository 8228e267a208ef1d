/**
 * A simulated host: the real agent over a hypervisor, storage and disk in memory. It can lose its agent, its power, its
 * link; what was on its disk is there when it comes back, what ran is not.
 */
import type { WantedInstance } from '../src/protocol/wanted.ts'
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
} from '../src/agent/agent.ts'
import { Failure } from '../src/agent/ports.ts'
import type { Clock } from '../src/lib/clock.ts'
import type { HostFacts } from '../src/protocol/host-facts.ts'
import { ManagementController } from './bmc.ts'
import { asOff, asRunning } from './domain.ts'
import { HangingGuests } from './hang.ts'
import { type MovingGround, simulatedArrivals, simulatedMover } from './mover.ts'
import type { Seeded } from './random.ts'
import { simulatedSamples } from './samples.ts'
import { copyOf, type HostDisk, refill, simulatedState } from './state.ts'
import { simulatedStorage } from './storage.ts'
import { SimulatedWatchdog } from './watchdog.ts'

export interface HostOptions {
  id: string
  name: string
  facts: HostFacts
  random: Seeded
  log: Log
  /** The clock of one life of the agent: silent once it is dead. */
  clockOf(alive: () => boolean): Clock
  /** The machine starts. */
  onBoot?(): void
  dialler(host: SimulatedHost, alive: () => boolean): LinkDialler
  /** Where hosts find each other for moves; without it, it takes part in none. */
  ground?: MovingGround
  /** A guest has begun to run here. */
  onRunning?(host: SimulatedHost, id: string): void
  /** A disk is removed from here, of this instance. */
  onRemoved?(host: SimulatedHost, instance_id: string, volume_id: string): void
  /** The disks of a pool that it shares with others, and the config drives there. */
  pool?: { volumes: Map<string, string>; configs: Set<string> }
  /** Whether another machine lives, by its address. */
  reaches?(address: string): boolean
  /** It measures itself and its guests, when a controller wants it to. */
  measures?: boolean
  /** How long hypervisor and storage take, milliseconds. */
  latency_ms?: { low: number; high: number }
  /** From a host's deadline until its guests are dead; at once by default. */
  kill_ms?: { low: number; high: number }
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
  readonly guestData: Set<string>
  /** Guests that were sent so far in their last move that another host may run them: it must be asked. */
  readonly handed_over = new Set<string>()
  /** Of those, the guests that have run on the other host. */
  readonly went_over = new Set<string>()
  /** Guests that went on here with what they had in memory, after they had run on another host. */
  readonly stale = new Set<string>()
  powered = false
  /** Never comes back. */
  lost = false
  /** No packets in or out. */
  cut = false
  /** Cuts its power when it is asked to, unless something is wrong with it. */
  readonly bmc: ManagementController
  /** What the machine calls itself; told at the next start of its agent. */
  hostname: string
  /** Each start fails with this probability. */
  failing = 0
  private readonly disk = new Map<string, Map<string, string>>()
  private readonly options: HostOptions
  private readonly random: Seeded
  private boots = 0
  private life: Life | undefined
  /** Of this boot. */
  private watchdog: SimulatedWatchdog
  private readonly hanging = new HangingGuests()
  private readonly listeners = new Set<(event: HypervisorEvent) => void>()

  constructor(options: HostOptions) {
    this.options = options
    this.id = options.id
    this.name = options.name
    this.hostname = options.facts.hostname
    this.random = options.random
    this.bmc = new ManagementController(this)
    this.watchdog = this.newWatchdog()
    this.volumes = options.pool?.volumes ?? new Map()
    this.guestData = options.pool?.configs ?? new Set()
  }

  /** Whether others have its disks, too. */
  get is_pool(): boolean {
    return this.options.pool !== undefined
  }

  /** Where other hosts reach it. */
  get address(): string {
    return this.options.facts.tunnel_address
  }

  /** Whether its agent runs. */
  get has_agent(): boolean {
    return this.life !== undefined
  }

  powerOn(): void {
    if (this.powered || this.lost) return
    this.powered = true
    this.boots++
    this.options.onBoot?.()
    this.watchdog = this.newWatchdog()
    this.startAgent()
  }

  /** Everything that ran is gone at once; what a write had not finished is not there. */
  powerCut(): void {
    this.killAgent()
    this.powered = false
    this.watchdog.powerCut()
    for (const [id, domain] of this.domains) this.domains.set(id, asOff(domain, 'unknown'))
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
    const prepareGuestData = async ({ id, config_drive }: WantedInstance) => {
      await this.pause(alive, clock)
      if (!config_drive) return null
      this.guestData.add(id)
      return `/config/${id}`
    }
    life.agent = createAgent({
      hypervisor: this.hypervisor(alive, clock),
      storage: simulatedStorage(this, () => this.pause(alive, clock), this.options.onRemoved),
      guestData: {
        prepare: prepareGuestData,
        prepared: prepareGuestData,
        remove: async id => {
          await this.pause(alive, clock)
          this.guestData.delete(id)
        },
      },
      network: { apply: () => this.pause(alive, clock) },
      state: simulatedState(this.disk, () => this.pause(alive, clock)),
      link: this.options.dialler(this, alive),
      facts: { read: async () => ({ ...this.options.facts, hostname: this.hostname }) },
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

  copyDisk(): HostDisk {
    return {
      state: copyOf(this.disk),
      domains: new Map(this.domains),
      volumes: this.options.pool ? null : new Map(this.volumes),
    }
  }

  /** While it is off. */
  putDisk({ state, domains, volumes }: HostDisk): void {
    refill(this.disk, copyOf(state))
    refill(this.domains, domains)
    for (const [id, domain] of this.domains) this.domains.set(id, asOff(domain, 'unknown'))
    if (volumes) refill(this.volumes, volumes)
  }

  /** The guest shuts itself down, or crashes. */
  guestEnds(id: string, off_reason: 'guest' | 'crashed'): void {
    const domain = this.domains.get(id)
    if (domain?.power === 'running') this.put(asOff(domain, off_reason))
  }

  /** The guest hangs; gives what its watchdog does then, null without one. */
  guestHangs(id: string): string | null {
    const domain = this.domains.get(id)
    const action = this.hanging.actionOf(id)
    if (domain?.power !== 'running' || action === null) return null
    for (const listener of this.listeners) listener({ kind: 'watchdog', id })
    this.hanging.hang(domain, one => this.put(one), this.machineClock())
    return action
  }

  private moves(ground: MovingGround, alive: () => boolean, clock: Clock) {
    const pause = () => this.pause(alive, clock)
    const { random } = this
    return {
      mover: simulatedMover({ ground, host: this, alive, clock, random, pause }),
      arrivals: simulatedArrivals(pause),
    }
  }

  /** Of this boot, which goes on when the agent dies. */
  private machineClock(): Clock {
    const boot = this.boots
    return this.options.clockOf(() => this.powered && this.boots === boot)
  }

  private newWatchdog(): SimulatedWatchdog {
    const alive = (id: string) => ['running', 'paused'].includes(this.domains.get(id)?.power ?? '')
    const end = (id: string) => {
      const domain = this.domains.get(id)
      if (domain && alive(id)) this.put(asOff(domain, 'crashed'))
    }
    const { low, high } = this.options.kill_ms ?? { low: 0, high: 0 }
    // What takes longest shows most.
    const takes_ms = () => this.random.pick([low, high, this.random.between(low, high)])
    return new SimulatedWatchdog(this.machineClock(), { alive, end, takes_ms })
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
      define: async (spec: DomainSpec) => {
        const { id } = spec.instance
        await pause()
        this.hanging.defined(spec)
        const there = this.domains.get(id)
        const fresh = { id, name: id, ours: true, power: 'off', off_reason: 'unknown', paused_reason: null } as const
        this.put(there ?? fresh)
        await pause()
      },
      start: async id => {
        await pause()
        // One that never starts a guest lacks something that others may have; one that fails now and then may do better the next time.
        if (this.random.chance(this.failing))
          throw new Failure('The simulated hypervisor refuses.', { elsewhere: this.failing === 1 })
        const domain = this.domains.get(id)
        if (!domain) throw new Failure('there is no such domain')
        this.put({ ...domain, power: 'running', off_reason: null })
        await pause()
      },
      askShutdown: async id => {
        await pause()
        const domain = this.domains.get(id)
        if (domain?.power === 'running' && this.random.chance(0.8)) this.put(asOff(domain, 'guest'))
      },
      cut: async id => {
        await pause()
        const domain = this.domains.get(id)
        if (domain && domain.power !== 'off') this.put(asOff(domain, 'cut'))
        await pause()
      },
      resume: async id => {
        await pause()
        const domain = this.domains.get(id)
        if (domain?.moving !== undefined && this.went_over.has(id)) this.stale.add(id)
        if (domain) this.put(asRunning(domain))
      },
      undefine: async id => {
        await pause()
        this.domains.delete(id)
        await pause()
      },
      dumpOf: async id => this.hanging.dumpOf(id),
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
      askGuest: async () => ({ outcome: 'failed', why: 'no_agent' }),
      grow: async () => undefined,
      confine: async () => undefined,
    }
  }

  private samples(clock: Clock) {
    const running = () => [...this.domains.values()].filter(one => one.power === 'running').map(one => one.id)
    return simulatedSamples(this.name, clock, { running }, this.options.facts)
  }
}

/** It goes on, and is in no move any more. */
