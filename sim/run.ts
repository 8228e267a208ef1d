/**
 * One run from one seed: a cloud with several controllers and hosts, users who keep asking, and faults at random moments;
 * then the faults stop, time passes, and what must hold is checked. The same seed gives the same run.
 */
import pino from 'pino'
import { bmcOf, simulatedFencing } from './bmc.ts'
import { VirtualClock } from './clock.ts'
import { type Answer, ControllerDied, SimulatedController } from './controller.ts'
import type { Engine } from './database.ts'
import { factsOf } from './facts.ts'
import { Faults } from './faults.ts'
import { SimulatedHost } from './host.ts'
import { violations } from './invariants.ts'
import { outcomes } from './outcomes.ts'
import { MovingGround } from './mover.ts'
import { Operator } from './operator.ts'
import { Wires } from './network.ts'
import { type Seeded, seeded } from './random.ts'
import { prepareRecords, type Records } from './records.ts'
import { drift_max, Skew } from './skew.ts'
import { VolumeUser } from './volume-user.ts'

export interface RunOptions {
  seed: string
  hosts?: number
  controllers?: number
  /** How long users ask and faults strike, simulated seconds. */
  trouble_s?: number
  verbose?: boolean
  /** Hosts share a pool, and have watchdogs. */
  highly_available?: boolean
  /** By how much of itself each machine's steady clock may be wrong; 0: all run alike. */
  drift?: number
  /** How fast clocks run of machines whose names begin so, in place of what chance gives: 'c' are controllers, 'h' hosts. */
  rates?: Readonly<Record<string, number>>
  /** How long hypervisor and storage take. */
  latency_ms?: { low: number; high: number }
  /** Guests whose host's lease is over are killed as late as that may be. */
  kills_late?: boolean
}

export interface RunResult {
  seed: string
  violations: string[]
  /** What happened, counted. */
  counts: Record<string, number>
  /** Hash-like sum of the trace: equal for equal runs. */
  trace: number
}

const start_ms = Date.UTC(2026, 0, 1)
const settle_s = 240
/** So many turns of the event loop without rest are a transaction that waits for time to pass. */
const rounds_max = 100_000
const recovery_minutes = 1
const pool_id = '00000000-0000-7000-9000-000000000001'
/** Of TEST-NET-1: h7 has 192.0.2.7. */
const addressOf = (name: string) => `192.0.2.${name.slice(1)}`
/** By the clock of the host, which may be slow, and in truth within what src/model/lease.ts gives it (`kill_ms`). */
const kill_ms_max = 4700

export class Run {
  protected readonly clock = new VirtualClock(start_ms)
  protected readonly random: Seeded
  protected readonly engine: Engine
  protected readonly hosts: SimulatedHost[] = []
  protected readonly byName = new Map<string, SimulatedHost>()
  protected readonly controllers: SimulatedController[] = []
  protected readonly wires: Wires
  protected readonly skew: Skew
  private readonly faults: Faults
  protected readonly options: Required<RunOptions>
  protected readonly counts: Record<string, number> = {}
  protected readonly ids: string[] = []
  private readonly ground = new MovingGround()
  /** Guests that ran on two hosts at one moment. */
  protected readonly doubled = new Set<string>()
  private readonly volumes: VolumeUser
  private readonly operator: Operator
  protected records: Records | undefined
  private readonly pool = { volumes: new Map<string, string>(), configs: new Set<string>() }
  private trouble = true
  protected trace = 0
  protected requests = 0

  constructor(engine: Engine, options: RunOptions) {
    const usual = {
      hosts: 4,
      controllers: 2,
      trouble_s: 60,
      verbose: false,
      highly_available: false,
      kills_late: false,
    }
    this.options = { ...usual, drift: drift_max, rates: {}, latency_ms: { low: 1, high: 200 }, ...options }
    this.random = seeded(options.seed)
    this.skew = new Skew(this.clock, this.random.fork('clocks'), this.options)
    this.engine = engine.under(this.skew.of('database'))
    this.wires = new Wires(this.clock, this.random.fork('wires'))
    const acts = { ask: this.ask.bind(this), createFrom: this.create.bind(this) }
    this.operator = new Operator({ ask: acts.ask, random: this.random, hosts: this.hosts, ids: this.ids })
    this.ground.handingOver = (from, to) => {
      if (this.trouble && this.random.chance(0.25)) this.faults.lineBreaks(from, to)
    }
    const { clock, skew, random, hosts, controllers, wires, ground } = this
    this.faults = new Faults({
      ...{ clock, skew, random, hosts, controllers, wires, ground, long: this.options.highly_available },
      going: () => this.trouble,
      note: what => this.note(what),
    })
    this.volumes = new VolumeUser({ ...acts, random: this.random, records: () => this.records })
  }

  async run(): Promise<RunResult> {
    await this.begin(recovery_minutes)
    await this.advance(this.options.trouble_s * 1000)
    this.heal()
    await this.advance(settle_s * 1000)
    Object.assign(this.counts, await outcomes(this.engine.pglite))
    const found = [...(await violations(this.engine.pglite, this.hosts)), ...this.idle(), ...this.doubled]
    await this.stop()
    return { seed: this.options.seed, violations: found, counts: this.counts, trace: this.trace }
  }

  /** A cloud at rest. */
  protected async prepare(recovery_minutes: number): Promise<void> {
    this.records = await prepareRecords(this.engine, this.clock, this.options.hosts, recovery_minutes)
    this.makeControllers()
    await Promise.all(this.controllers.map(controller => controller.start()))
    this.makeHosts()
  }

  /** A cloud with users and faults. */
  protected async begin(recovery_minutes: number): Promise<void> {
    await this.prepare(recovery_minutes)
    this.wires.doubling = 0.05
    if (this.options.highly_available) this.prepareFencing()
    this.plan('users', 200, 3000, () => this.userAsks())
    this.plan('operators', 300, 3000, () => this.operatorAsks())
    this.plan('faults', 500, 6000, () => this.faults.strike())
    this.plan('clocks', 1000, 12_000, () => this.faults.clockIsSet())
  }

  /** Most hosts have management controllers, and hosts are given up sooner than an operator would: there is not that much time. */
  private prepareFencing(): void {
    const { random } = this
    void this.ask('PUT', '/v1/settings/ha.settle_s', { value: random.between(0, 15) })
    void this.ask('PUT', '/v1/settings/ha.storm_share_percent', { value: random.pick([40, 60, 80]) })
    for (const { id, name } of this.hosts) {
      if (random.chance(0.7)) void this.ask('PUT', `/v1/hosts/${id}/bmc`, bmcOf(name))
    }
  }

  /** On a cloud at rest. */
  protected async makeAvailable(count: number, availability: 'restart' | 'high' = 'high'): Promise<void> {
    const { network_id, flavor_id, image_id } = this.records ?? {}
    const body = { name: 'ha', count, flavor_id, image_id, networks: [{ network_id }], availability }
    const made = this.ask('POST', '/v1/instances', body)
    await this.advance(20_000)
    const items = ((await made)?.body.items ?? []) as { id: string }[]
    this.ids.push(...items.map(one => one.id))
  }

  protected cutWires(host: SimulatedHost): void {
    this.faults.cutWires(host)
  }

  protected operatorAsks(): void {
    void this.operator.asks()
  }

  /** A run in which hardly anything was done shows nothing. */
  protected idle(): string[] {
    const done = Object.entries(this.counts).flatMap(([what, count]) => (/ 20[0-9]$/.test(what) ? [count] : []))
    const sum = done.reduce((all, count) => all + count, 0)
    return sum < this.options.trouble_s / 10 ? [`users got only ${sum} requests through`] : []
  }

  protected note(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
    for (let i = 0; i < what.length; i++)
      this.trace = (Math.imul(this.trace ^ what.charCodeAt(i), 0x01000193) + this.clock.now_ms()) | 0
    if (this.options.verbose) console.log(`${((this.clock.now_ms() - start_ms) / 1000).toFixed(3).padStart(9)} ${what}`)
  }

  private makeControllers(): void {
    for (let n = 0; n < this.options.controllers; n++) {
      const name = `c${n + 1}`
      const log = pino({ level: this.options.verbose ? 'warn' : 'silent' })
      const onKilled = (controller: SimulatedController) => {
        this.note(`${name} killed`)
        for (const wire of this.wires.open) if (wire.url === controller.url) wire.cut('the controller is gone')
        const restart = () => {
          this.note(`${name} starts`)
          void controller.start()
        }
        this.clock.after(this.random.between(100, 8000), restart)
      }
      const { engine } = this
      const clock = this.skew.of(name)
      const onCut = (host: SimulatedHost) => this.faults.fenced(host)
      const fencing = simulatedFencing({ hosts: this.byName, time: this.clock, clock, onCut })
      const random = this.random.fork(name)
      this.controllers.push(new SimulatedController({ name, engine, clock, random, log, fencing, onKilled }))
    }
  }

  private makeHosts(): void {
    const listeners = this.controllers.map(controller => ({ url: controller.url, cloud: () => controller.cloud }))
    const dialler = this.wires.dialler(listeners)
    for (const { id, name } of this.records?.hosts ?? []) {
      const clock = this.skew.of(name)
      const host = new SimulatedHost({
        id,
        name,
        facts: factsOf(name, {
          ...{ cpus: 4, memory_mib: 4096, pool_gib: 100, facts: { tunnel_address: addressOf(name) } },
          ...(this.options.highly_available && { pool_id }),
        }),
        ...(this.options.highly_available && { pool: this.pool }),
        reaches: address => this.hosts.some(one => addressOf(one.name) === address && one.powered && !one.cut),
        random: this.random.fork(name),
        log: pino({ level: 'silent' }),
        clockOf: alive => clock.of(alive),
        onBoot: () => clock.boot(),
        latency_ms: this.options.latency_ms,
        kill_ms: { low: this.options.kills_late ? kill_ms_max : 0, high: kill_ms_max },
        dialler,
        ground: this.ground,
        onRunning: (at, instance_id) => this.mustBeAlone(at, instance_id),
        onRemoved: (at, instance_id, volume_id) => this.mustBeUnused(at, instance_id, volume_id),
      })
      host.failing = 0.02
      this.hosts.push(host)
      this.byName.set(name, host)
      host.powerOn()
    }
  }

  private mustBeAlone(at: SimulatedHost, instance_id: string): void {
    for (const host of this.hosts) {
      if (host === at || host.domains.get(instance_id)?.power !== 'running') continue
      this.doubled.add(`${instance_id} ran on ${host.name} and ${at.name} at once`)
    }
  }

  /** A pool that hosts share is one map of them all. */
  private mustBeUnused(at: SimulatedHost, instance_id: string, volume_id: string): void {
    for (const host of this.hosts) {
      if (host.volumes !== at.volumes || host.domains.get(instance_id)?.power !== 'running') continue
      this.doubled.add(`${at.name} removed the disk ${volume_id} of ${instance_id}, which runs on ${host.name}`)
    }
  }

  /** Calls `act` again and again at random times, while there is trouble. */
  private plan(name: string, low_ms: number, high_ms: number, act: () => void): void {
    const again = () => {
      if (!this.trouble) return
      act()
      this.plan(name, low_ms, high_ms, act)
    }
    this.clock.after(this.random.between(low_ms, high_ms), again)
  }

  protected userAsks(): void {
    const { random } = this
    if (this.ids.length === 0 || random.chance(0.3)) return void this.create()
    if (random.chance(0.35)) return void this.volumes.asks()
    const id = random.pick(this.ids)
    const [method, path, body] = random.pick([
      ['POST', `/v1/instances/${id}/start`, {}],
      ['POST', `/v1/instances/${id}/stop`, {}],
      ['POST', `/v1/instances/${id}/reboot`, { hard: random.chance(0.5) }],
      ['DELETE', `/v1/instances/${id}`, undefined],
      ['DELETE', `/v1/instances/${id}?purge=true`, undefined],
      ['DELETE', `/v1/instances/${id}?purge=true&keep_root=true`, undefined],
      ['DELETE', `/v1/instances/${id}?keep_root=${random.chance(0.5)}`, undefined],
      ['POST', `/v1/instances/${id}/recover`, {}],
      ['PATCH', `/v1/instances/${id}`, { tags: { asked: String(this.requests) } }],
      ['PUT', '/v1/settings/instance.recovery_minutes', { value: random.between(0, recovery_minutes) }],
    ] as const)
    // A nervous user asks twice at once, one key for both; or two users ask for the same, each with a key.
    if (random.chance(0.1)) void this.ask(method, path, body, `request-${this.requests + 1}`)
    void this.ask(method, path, body)
    if (random.chance(0.1)) void this.ask(method, path, body)
  }

  protected async create(boot_volume_id?: string): Promise<void> {
    const { network_id } = this.records ?? {}
    const source = boot_volume_id ? { boot_volume_id } : this.volumes.source()
    const body = {
      ...this.alsoAsked(),
      name: `vm-${this.requests}`,
      count: 'boot_volume_id' in source ? 1 : this.random.between(1, 4),
      flavor_id: this.random.chance(0.4) ? this.records?.disks_flavor_id : this.records?.flavor_id,
      ...source,
      networks: [{ network_id }],
    }
    const answer = await this.ask('POST', '/v1/instances', body)
    const items = (answer?.body.items ?? []) as { id: string }[]
    this.ids.push(...items.map(item => item.id))
  }

  /** Half of them so that they run again elsewhere when their host is lost, where hosts share a pool. */
  protected alsoAsked(): object {
    return this.options.highly_available && this.random.chance(0.5) ? { availability: 'high' } : {}
  }

  /** As a good client does: with one key, again at another controller when the answer is lost. */
  protected async ask(method: string, path: string, body?: unknown, given?: string): Promise<Answer | null> {
    const key = given ?? `request-${++this.requests}`
    for (let attempt = 0; attempt < 8; attempt++) {
      const controller = this.random.pick(this.controllers)
      try {
        const answer = await controller.ask(method, path, this.records?.token ?? '', body, { 'idempotency-key': key })
        if (answer.status < 500) {
          this.note(`${method} ${path.replace(/[0-9a-f-]{36}/, 'ID')} ${answer.status}`)
          return answer
        }
      } catch (error) {
        if (!(error instanceof ControllerDied)) throw error
      }
      await this.clock.sleep(this.random.between(100, 2000))
    }
    this.note('a user gave up')
    return null
  }

  protected heal(lost_chance = 0.3): void {
    this.note('faults stop')
    for (const host of this.hosts) void this.ask('DELETE', `/v1/hosts/${host.id}/maintenance`)
    this.trouble = false
    this.wires.doubling = 0
    for (const controller of this.controllers) {
      controller.planned = null
      controller.setAway(false)
    }
    // One that never comes back, without a word to anybody, just as its controller dies: nobody may take it for up.
    const lost = this.random.chance(lost_chance) ? this.random.pick(this.hosts) : undefined
    if (lost) {
      this.note(`${lost.name} is lost for good`)
      lost.powerCut()
      lost.lost = true
      if (this.random.chance(0.5)) for (const controller of this.controllers) controller.kill()
      else this.faults.cutWires(lost)
    }
    for (const host of this.hosts) {
      if (host === lost) continue
      host.cut = false
      host.failing = 0
      host.bmc.fault = null
      host.powerOn()
      host.startAgent()
    }
  }

  protected async stop(): Promise<void> {
    for (const host of this.hosts) host.powerCut()
    for (const controller of this.controllers) controller.kill()
    await this.quiet()
  }

  protected async advance(ms: number): Promise<void> {
    const end_ms = this.clock.now_ms() + ms
    do await this.quiet()
    while (this.clock.step(end_ms))
  }

  /** Resolves when every promise that can go on has done so: nothing at the database, and nothing queued. */
  protected async quiet(): Promise<void> {
    for (let calm = 0, rounds = 0; calm < 4; rounds++) {
      if (rounds > rounds_max)
        throw new Error(`time stands still: ${this.engine.busy} wait for the database, last: ${this.engine.last}`)
      await new Promise(resolve => setImmediate(resolve))
      calm = this.engine.busy === 0 ? calm + 1 : 0
    }
  }
}
