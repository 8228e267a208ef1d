/**
 * Hosts with highly available instances lose their power, their agents or their network, again and again, while controllers die: each
 * instance runs again elsewhere within a bounded time, and never on two hosts. Also measures how long a power cut costs.
 */
import { bmcOf } from './bmc.ts'
import type { SimulatedHost } from './host.ts'
import { Run, type RunOptions, type RunResult } from './run.ts'

/** Instances of one run; three hosts have room for all. */
const instances = 6
const look_ms = 250
/** For controllers to count as steady. */
const calm_s = 60
/** Until an operator has looked. */
const look_s = 30
/** The longest by lease with a controller lost at the same moment, and the start (src/model/lease.ts). */
const bound_s = 90

export interface LostHostsResult extends RunResult {
  /** From each cut of power or network alone until all its instances ran elsewhere, seconds. */
  restarts_s: number[]
}

export type Loss = 'power' | 'network' | 'agent and power'

export interface LostHostsOptions extends RunOptions {
  losses: readonly Loss[]
  kill_controllers?: boolean
  by_hand?: boolean
  /** Each host has a management controller that answers. */
  fenced?: boolean
}

export class LostHostsRun extends Run {
  private readonly found: string[] = []
  private readonly restarts_s: number[] = []
  private readonly losses: readonly Loss[]
  private readonly kill_controllers: boolean
  private readonly by_hand: boolean
  private readonly fenced: boolean

  constructor(engine: ConstructorParameters<typeof Run>[0], options: LostHostsOptions) {
    super(engine, { hosts: 4, ...options, highly_available: true })
    this.losses = options.losses
    this.kill_controllers = options.kill_controllers ?? false
    this.by_hand = options.by_hand ?? false
    this.fenced = options.fenced ?? false
  }

  override async run(): Promise<LostHostsResult> {
    await this.prepare(1)
    if (this.fenced) this.setBmcs()
    await this.advance(calm_s * 1000)
    await this.makeAvailable(instances, this.by_hand ? 'restart' : 'high')
    if (this.ids.length < instances) this.found.push(`only ${this.ids.length} instances were made`)
    if (!this.allRun()) this.found.push('not all instances run at first')
    for (const loss of this.losses) await this.lose(loss)
    await this.stop()
    const violations = [...this.found, ...this.doubled]
    const { restarts_s, counts, trace } = this
    return { seed: this.options.seed, violations, counts, trace, restarts_s }
  }

  private setBmcs(): void {
    for (const { id, name } of this.hosts) void this.ask('PUT', `/v1/hosts/${id}/bmc`, bmcOf(name))
  }

  /** What an operator does by hand takes its time before. */
  private bound_ms(): number {
    return (bound_s + (this.by_hand ? 4 * look_s : 0)) * 1000
  }

  /** Whether each instance runs on a host that has power and is there. */
  private allRun(): boolean {
    const there = this.hosts.filter(host => host.powered && !host.cut)
    return this.ids.every(id => there.some(host => host.domains.get(id)?.power === 'running'))
  }

  private async lose(loss: Loss): Promise<void> {
    const busy = this.hosts.filter(host => this.ids.some(id => host.domains.get(id)?.power === 'running'))
    const host = this.random.pick(busy)
    this.note(`${host.name} loses its ${loss}`)
    const begun_ms = this.clock.now_ms()
    if (loss === 'network') this.cutOff(host)
    else {
      if (loss === 'agent and power') {
        host.killAgent()
        await this.advance(this.random.between(100, 10_000))
      }
      // Nobody says goodbye: the wire stays, and nothing comes over it.
      host.powerCut()
    }
    if (this.by_hand) await this.evacuate(host)
    if (this.kill_controllers)
      this.clock.after(this.random.between(0, 40_000), () => this.random.pick(this.controllers).kill())
    while (!this.allRun() && this.clock.now_ms() - begun_ms < this.bound_ms()) await this.advance(look_ms)
    const took_s = (this.clock.now_ms() - begun_ms) / 1000
    if (!this.allRun()) this.found.push(`after ${host.name} lost its ${loss} not all ran elsewhere within ${bound_s} s`)
    if (loss !== 'agent and power') this.restarts_s.push(took_s)
    this.note(`all run again`)
    await this.back(host)
  }

  /**
   * Nothing is highly available: somebody vouches that the host is off, which then comes on again, cut off, before what was on it is started
   * elsewhere.
   */
  private async evacuate(host: SimulatedHost): Promise<void> {
    await this.advance(look_s * 1000)
    const said = this.ask('POST', `/v1/hosts/${host.id}/fence`, { name: host.name, confirm_off: true })
    await this.advance(look_s * 1000)
    if ((await said)?.status !== 202) this.found.push(`${host.name} could not be vouched for`)
    host.cut = true
    host.powerOn()
    await this.advance(look_s * 1000)
    const asked = this.ask('POST', `/v1/hosts/${host.id}/evacuate`)
    await this.advance(look_s * 1000)
    const answer = await asked
    const left = (answer?.body.left ?? []) as { reason: string }[]
    if (answer?.status !== 202 || left.length > 0)
      this.found.push(`${host.name} could not be evacuated: ${answer?.status} ${left[0]?.reason}`)
  }

  private cutOff(host: SimulatedHost): void {
    host.cut = true
    this.cutWires(host)
  }

  /** The host is back, is told to leave what has moved, and a while passes. */
  private async back(host: SimulatedHost): Promise<void> {
    host.cut = false
    host.powerOn()
    host.startAgent()
    await this.advance(calm_s * 2000)
    const moved = await this.placed()
    for (const id of this.ids) {
      if (host.domains.get(id)?.power === 'running' && moved.get(id) !== host.id)
        this.found.push(`${host.name} is back and runs ${id}, which has moved`)
    }
    if (!this.allRun()) this.found.push(`after ${host.name} came back not all run`)
  }

  private async placed(): Promise<Map<string, string>> {
    const { rows } = await this.engine.pglite.query<{ id: string; host_id: string }>('select id, host_id from instance')
    return new Map(rows.map(row => [row.id, row.host_id]))
  }
}
