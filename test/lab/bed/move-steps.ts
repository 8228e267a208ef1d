/** The steps of a live move (docs/design/0009), and how each is reached and held: who is stopped for it, and what both agents have written by then. */
import assert from 'node:assert/strict'
import { domainName } from '../../../src/agent/drivers/libvirt/domain-xml.ts'
import type { MoveStage } from '../../../src/agent/reconcilers/move.ts'
import type { Migration } from '../../../src/api/migration.ts'
import type { Host } from './bed.ts'
import { bookOf, type Held, heldController, heldOf, untilStage, untilPhase } from './held.ts'
import type { MovingBed } from './moving.ts'

/**
 * - 'preparing': the target makes ready.
 * - 'ready': it listens; the source has not begun.
 * - 'sending': libvirt sends.
 * - 'all sent': the guest is paused; the source's agent has not heard that.
 * - 'handing over': the source has written that, and said so; the target's agent has not heard it.
 * - 'taking': the target has written that; its libvirt has not let the guest run.
 * - 'taken': the guest runs there; neither source nor controller has heard that.
 * - 'leaving': all have, and the source is told to clear away what it has; it has not read that.
 */
export const moveSteps = [
  'preparing',
  'ready',
  'sending',
  'all sent',
  'handing over',
  'taking',
  'taken',
  'leaving',
] as const
export type MoveStep = (typeof moveSteps)[number]

/** What source and target have on disk; the latter forgets the move when it hears that the guest is its own. */
const written: Readonly<Record<MoveStep, readonly [string, string]>> = {
  preparing: ['nothing', 'preparing'],
  ready: ['nothing', 'ready'],
  sending: ['sending', 'ready'],
  'all sent': ['sending', 'ready'],
  'handing over': ['handing_over', 'ready'],
  taking: ['handing_over', 'taking'],
  taken: ['handing_over', 'taken'],
  leaving: ['switched', 'taken or nothing'],
}

/** Some seconds. */
const quick_mib_s = 32

export interface Ends {
  readonly agent: Held
  readonly libvirtd: Held
}

export class HeldMove {
  readonly #moving: MovingBed
  readonly from: Host
  readonly to: Host
  readonly source: Ends
  readonly target: Ends
  readonly controller: Held
  #migration: Migration | undefined

  static async on(moving: MovingBed, from: Host): Promise<HeldMove> {
    const to = moving.other(from)
    const [source, target, controller] = await Promise.all([heldOf(from), heldOf(to), heldController(moving.alpha)])
    return new HeldMove(moving, { from, to, source, target, controller })
  }

  private constructor(moving: MovingBed, given: Pick<HeldMove, 'from' | 'to' | 'source' | 'target' | 'controller'>) {
    this.#moving = moving
    this.from = given.from
    this.to = given.to
    this.source = given.source
    this.target = given.target
    this.controller = given.controller
  }

  get migration(): Migration {
    if (this.#migration === undefined) throw new Error('it was not begun')
    return this.#migration
  }

  /** What was stopped goes on; what was killed meanwhile does not. */
  release(): void {
    for (const each of [this.controller, ...Object.values(this.source), ...Object.values(this.target)]) each.goOn()
  }

  /** Resolves at the step, and there it stays until `release`. `slowly`: what is still to be sent takes minutes. */
  async reach(step: MoveStep, slowly: boolean): Promise<void> {
    const { source, target } = this
    if (step === 'ready') source.agent.stop()
    await this.#begin(slowly ? 1 : quick_mib_s)
    if (step === 'preparing') {
      await this.#writes(this.to, 'preparing', () => target.agent.stop())
    } else if (step === 'ready') await this.#writes(this.to, 'ready')
    else {
      await this.#libvirt('perform3')
      if (step === 'sending') return
      if (step === 'all sent') {
        source.agent.stop()
        await this.#libvirt('perform3_done')
      } else await this.#handOver(step)
    }
  }

  async #handOver(step: MoveStep): Promise<void> {
    const { from, to, source, target, controller } = this
    target.agent.stop()
    await this.#writes(from, 'handing_over')
    if (step === 'handing over') return
    target.libvirtd.stop()
    target.agent.goOn()
    await this.#writes(to, 'taking')
    if (step === 'taking') return
    controller.stop()
    if (step === 'taken') source.agent.stop()
    target.libvirtd.goOn()
    await this.#writes(to, 'taken')
    if (step === 'taken') return
    await this.#writes(from, 'switched')
    source.agent.stop()
    controller.goOn()
    await this.#moving.until(this.migration, now => now.phase === 'leaving', 'leaving')
  }

  /** By what both have on disk: it is at this very step. Only 'preparing', which nobody can be held before, may have passed. */
  isAt(step: MoveStep): boolean {
    const stages = [this.from, this.to].map(
      host => bookOf(host, this.#moving.hello.id, this.migration.id)?.stage ?? 'nothing',
    )
    const is = stages.every((stage, n) => written[step][n]?.split(' or ').includes(stage))
    assert(is || step === 'preparing', `at ${step} source and target have ${stages.join(' and ')}`)
    return is
  }

  async #begin(bandwidth_mib_s: number): Promise<void> {
    // However busy the machine is: what is left of an idle guest takes no longer than it may be paused.
    this.#migration = await this.#moving.migrate(this.to, { bandwidth_mib_s, downtime_ms_max: 10_000 })
  }

  async #writes(host: Host, stage: MoveStage, next?: () => void): Promise<void> {
    await untilStage(host, [this.#moving.hello.id, this.migration.id], stage, next)
  }

  #libvirt(phase: 'perform3' | 'perform3_done'): Promise<void> {
    return untilPhase(this.from, domainName(this.#moving.hello.id), phase)
  }
}
