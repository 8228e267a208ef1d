/**
 * Hosts that are cut off while the clocks are as bad as they may be, each part of the sum of src/model/lease.ts at its end: slow hosts that
 * take their time to kill, fast controllers that wait, wall clocks that are set in just that moment, and hosts that start guests at once. Little
 * else happens, so that it takes seconds. All that chance brings: run.ts.
 */
import type { SimulatedController } from './controller.ts'
import type { SimulatedHost } from './host.ts'
import { Run, type RunOptions, type RunResult } from './run.ts'

/**
 * 'host': the host reaches nobody any more. 'believed dead': its controller reaches the database no more, is taken for gone at once, as the database's
 * clock is set ahead, and grants leases for as long as it may; then the host reaches nobody either.
 */
export type Partition = 'host' | 'believed dead'

const instances = 3
const hour_ms = 3_600_000
const look_ms = 500
const known_ms = 25_000
/** The longest by lease with a controller lost at the same moment, by clocks that are slow (src/model/lease.ts). */
const bound_s = 90

export class PartitionRun extends Run {
  private readonly found: string[] = []
  private readonly partitions: readonly Partition[]

  constructor(
    engine: ConstructorParameters<typeof Run>[0],
    options: RunOptions & { partitions: readonly Partition[] },
  ) {
    const worst = { hosts: 3, latency_ms: { low: 1, high: 5 }, kills_late: true }
    super(engine, { ...worst, ...options, highly_available: true })
    this.partitions = options.partitions
  }

  override async run(): Promise<RunResult> {
    await this.prepare(1)
    for (const host of this.hosts) host.failing = 0
    void this.ask('PUT', '/v1/settings/ha.settle_s', { value: 0 })
    await this.advance(8000)
    await this.makeAvailable(instances)
    for (const partition of this.partitions) await this.cutOff(partition)
    await this.stop()
    const { counts, trace } = this
    return { seed: this.options.seed, violations: [...this.found, ...this.doubled], counts, trace }
  }

  private async cutOff(partition: Partition): Promise<void> {
    const host = this.hostFor(partition)
    this.note(`${host.name} is cut off: ${partition}`)
    // At any moment between two pings.
    await this.advance(this.random.between(0, 5000))
    const [first] = this.controllers
    const holder = partition === 'host' || !first ? null : await this.losesDatabase(first)
    // Nobody is told: what is sent does not arrive.
    host.cut = true
    this.setClocks(hour_ms)
    // And again, when its silence is known and its lease is waited for. The database's is set back: ahead, controllers would take each other for gone.
    this.clock.after(known_ms, () => {
      this.setClocks(hour_ms)
      this.skew.of('database').off_ms -= 2 * hour_ms
    })
    const begun_ms = this.clock.now_ms()
    const elsewhere = () => this.runElsewhere(host)
    while (!elsewhere() && this.clock.now_ms() - begun_ms < bound_s * 1000) await this.advance(look_ms)
    if (!elsewhere()) this.found.push(`what ran on ${host.name} did not run elsewhere within ${bound_s} s`)
    this.note('all run elsewhere')
    this.setClocks(-2 * hour_ms)
    holder?.setAway(false)
    host.cut = false
    await this.advance(15_000)
  }

  /** At any moment in which it may grant still, or may not any more. */
  private async losesDatabase(controller: SimulatedController): Promise<SimulatedController> {
    controller.setAway(true)
    this.skew.of('database').off_ms += hour_ms
    await this.advance(this.random.between(4000, 11_000))
    return controller
  }

  private setClocks(by_ms: number): void {
    for (const name of [...this.controllers.map(one => one.name), ...this.hosts.map(one => one.name)])
      this.skew.of(name).off_ms += by_ms
  }

  /** That with most guests; of those whose link the first controller holds when it is that one which is believed dead. */
  private hostFor(partition: Partition): SimulatedHost {
    const guests = (host: SimulatedHost) => this.ids.filter(id => host.domains.get(id)?.power === 'running').length
    const held = [...this.wires.open].filter(wire => wire.url === this.controllers[0]?.url).map(wire => wire.host)
    const [first, ...others] = (partition === 'host' ? this.hosts : held).filter(host => guests(host) > 0)
    if (!first) throw new Error('no host runs anything, or none where it is to')
    return others.reduce((most, host) => (guests(host) > guests(most) ? host : most), first)
  }

  private runElsewhere(host: SimulatedHost): boolean {
    return this.ids.every(id => this.hosts.some(one => one !== host && one.domains.get(id)?.power === 'running'))
  }
}
