/**
 * What goes wrong in a run, at random: processes die, power and networks fail, guests crash, management controllers do not what they are
 * there for, clocks are set. Each is over by itself, or stays until the run mends it all. Not its job: when (run.ts).
 */
import { type BmcFault, bmcFaults } from './bmc.ts'
import type { VirtualClock } from './clock.ts'
import type { SimulatedController } from './controller.ts'
import type { Fault } from './database.ts'
import type { SimulatedHost } from './host.ts'
import type { MovingGround } from './mover.ts'
import type { Wires } from './network.ts'
import type { Seeded } from './random.ts'
import type { Skew } from './skew.ts'

const faults: readonly Fault[] = ['lose-before', 'lose-after', 'kill-before', 'kill-after']

export interface FaultParts {
  clock: VirtualClock
  skew: Skew
  random: Seeded
  hosts: readonly SimulatedHost[]
  controllers: readonly SimulatedController[]
  wires: Wires
  ground: MovingGround
  /** Hosts are away long enough for others to run what was on them. */
  long: boolean
  /** Whether anything is to go wrong still. */
  going(): boolean
  note(what: string): void
}

export class Faults {
  private readonly parts: FaultParts

  constructor(parts: FaultParts) {
    this.parts = parts
  }

  strike(): void {
    const { random, hosts, controllers, note } = this.parts
    const host = random.pick(hosts)
    // Now and then a second one before the first is over.
    if (random.chance(0.2)) this.later(0, 300, () => this.parts.going() && this.strike())
    const kind = random.between(0, this.parts.long ? 8 : 7)
    if (kind === 0) {
      const controller = random.pick(controllers)
      controller.planned = { fault: random.pick(faults), after: random.between(0, 30) }
      note(`${controller.name} will ${controller.planned.fault}`)
    } else if (kind === 1) this.agentDies(host)
    else if (kind === 2) this.powerFails(host)
    else if (kind === 3) this.linkBreaks(host)
    else if (kind === 4) this.guestEnds(host)
    else if (kind === 5) this.databaseGoes(random.pick(controllers))
    else if (kind === 6) this.lineBreaks(host, random.pick(hosts))
    else if (kind === 7) random.pick(controllers).kill()
    else this.bmcFails(host)
  }

  /** Somebody sets a wall clock. */
  clockIsSet(): void {
    this.parts.note(this.parts.skew.set())
  }

  /** Its power was cut on purpose, and somebody goes there and switches it on. */
  fenced(host: SimulatedHost): void {
    this.parts.note(`${host.name} is fenced by its management controller`)
    this.later(5000, 60_000, () => host.powerOn())
  }

  /** The two reach the controllers, and not each other; some never again. */
  lineBreaks(one: SimulatedHost, other: SimulatedHost): void {
    if (one === other) return
    this.parts.note(`${one.name} and ${other.name} are cut off from each other`)
    const mend = this.parts.ground.cutLine(one, other)
    if (this.parts.random.chance(0.7)) this.later(500, 60_000, mend)
  }

  cutWires(host: SimulatedHost): void {
    for (const wire of this.parts.wires.open) if (wire.host === host) wire.cut('cut')
  }

  private later(low_ms: number, high_ms: number, act: () => void): void {
    this.parts.clock.after(this.parts.random.between(low_ms, high_ms), act)
  }

  /** From one controller alone; often for longer than its lease lasts, so that the other writes its hosts off. */
  private databaseGoes(controller: SimulatedController): void {
    const { note } = this.parts
    note(`${controller.name} loses the database`)
    controller.setAway(true)
    this.later(500, 45_000, () => {
      note(`${controller.name} has the database back`)
      controller.setAway(false)
    })
  }

  private agentDies(host: SimulatedHost): void {
    this.parts.note(`${host.name} agent killed`)
    this.cutWires(host)
    host.killAgent()
    this.later(100, 5000, () => host.startAgent())
  }

  private powerFails(host: SimulatedHost): void {
    this.parts.note(`${host.name} power cut`)
    this.cutWires(host)
    host.powerCut()
    this.bmcFailsAlong(host)
    this.later(1000, this.parts.long ? 90_000 : 30_000, () => host.powerOn())
  }

  private linkBreaks(host: SimulatedHost): void {
    this.parts.note(`${host.name} link cut`)
    host.cut = true
    this.cutWires(host)
    this.bmcFailsAlong(host)
    this.later(100, this.parts.long ? 90_000 : 40_000, () => {
      host.cut = false
    })
  }

  /** A supply or a switch that both hang on; or it never was what it should be, which is seen only now. */
  private bmcFailsAlong(host: SimulatedHost): void {
    if (this.parts.long && this.parts.random.chance(0.5)) this.bmcFails(host)
  }

  private bmcFails(host: SimulatedHost): void {
    const fault: BmcFault = this.parts.random.pick(bmcFaults)
    this.parts.note(`${host.name} has a management controller that is ${fault}`)
    host.bmc.fault = fault
    this.later(2000, 60_000, () => {
      if (host.bmc.fault === fault) host.bmc.fault = null
    })
  }

  private guestEnds(host: SimulatedHost): void {
    const running = [...host.domains.values()].filter(domain => domain.power === 'running')
    if (running.length === 0) return
    const how = this.parts.random.chance(0.5) ? 'guest' : 'crashed'
    this.parts.note(`${host.name} a guest ends: ${how}`)
    host.guestEnds(this.parts.random.pick(running).id, how)
  }
}
