/**
 * Moves of instances to and from this host: carries out what move-plan.ts decides, and says how far each is. Part of the instance
 * reconciler's pass, which asks here first. Sending runs beside the passes, as it takes minutes; everything else is an act as any.
 */
import type { Clock } from '../../lib/clock.ts'
import type { MigrationReport } from '../../protocol/migration.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type {
  Arrivals,
  Domain,
  GuestData,
  Hypervisor,
  Log,
  MachineState,
  Mover,
  ShowProgress,
  State,
  Storage,
} from '../ports.ts'
import { type Done, nothingDone } from './done.ts'
import type { Move } from './move.ts'
import { openMoveBook } from './move-book.ts'
import { type MoveAct, type MovePlan, planMove } from './move-plan.ts'
import { createMovesAway } from './moves-away.ts'
import { createMovesHere } from './moves-here.ts'
import { neverWord } from './never-word.ts'

export interface MoveOptions {
  readonly hypervisor: Hypervisor
  readonly storage: Storage
  readonly guestData: GuestData
  readonly machineState?: MachineState
  /** Without both this host takes part in no move. */
  readonly mover?: Mover
  readonly arrivals?: Arrivals
  readonly state: State
  readonly clock: Clock
  readonly log: Log
  readonly boot_id: string
  readonly instances: ReadonlyMap<string, WantedInstance>
  readonly networkReady: () => Promise<void>
  readonly doneOf: (id: string) => Done
  readonly noteDone: (id: string, done: Done) => Promise<void>
  /** When it was killed here last because the host's lease ran out, RFC 3339; it may have been here before. */
  readonly killedAt?: (id: string) => string | null
  readonly wake: (id: string) => void
  readonly wakeAfter: (id: string, delay_ms: number) => void
  /** A guest has come: its agent may be in it. */
  readonly cameHere?: (id: string) => void
}

export interface Moves {
  /** One act of a move: 'again' after one, 'rest' when the move forbids the usual plan, 'usual' when that decides. */
  step(wanted: WantedInstance, domain: Domain | null, show: ShowProgress, signal: AbortSignal): Promise<Step>
  /** For the report of an instance: how far, and what its power is to be called meanwhile. */
  report(wanted: WantedInstance): { migration?: MigrationReport; power?: 'absent' | 'running' | 'stopped' }
  /** Nothing of it is here any more. */
  isGone(id: string): boolean
  /** It was to come here, and has. */
  hasCome(id: string): boolean
  forget(ids: readonly string[]): Promise<void>
  stop(): Promise<void>
}

export type Step = 'again' | 'rest' | 'usual'

export async function createMoves(options: MoveOptions): Promise<Moves> {
  const { hypervisor, clock, log, instances, mover, arrivals } = options
  const book = await openMoveBook(options.state, log)
  const here = createMovesHere(options, book)
  const away = createMovesAway(options, book)
  const leftovers = new Map<string, number>()
  const phases = new Map<string, MigrationReport['phase'] | null>()

  async function step(
    wanted: WantedInstance,
    domain: Domain | null,
    show: ShowProgress,
    signal: AbortSignal,
  ): Promise<Step> {
    const { id } = wanted
    const at = {
      wanted,
      domain,
      move: book.last(id),
      busy: away.isBusy(id),
      expected: here.addressOf(id) !== undefined,
      coming: mover?.isComing(id) ?? false,
      leftover_since_ms: leftovers.get(id) ?? null,
      steady_ms: clock.steady_ms(),
    }
    const plan = planMove(at)
    if (plan.kind !== 'hold' || plan.leftover !== true) leftovers.delete(id)
    if (plan.kind === 'note') {
      await book.noteStage(wanted, plan.stage, plan.reason)
      return 'again'
    }
    phases.set(id, plan.phase)
    if (plan.kind === 'usual') return 'usual'
    if (plan.kind === 'hold') return wait(id, plan)
    log.debug({ instance: id, act: plan.act, migration: wanted.migration?.id }, 'acting for a move')
    // It runs here: whoever waits for that does not wait for its definition as well.
    if (plan.act === 'define' && plan.phase === 'switched') show('defining it here', 0)
    return await carryOut(plan.act, wanted, domain, show, signal)
  }

  function wait(id: string, plan: Extract<MovePlan, { kind: 'hold' }>): Step {
    if (plan.leftover === true && !leftovers.has(id)) leftovers.set(id, clock.steady_ms())
    if (plan.again_ms !== null) options.wakeAfter(id, plan.again_ms)
    return 'rest'
  }

  async function carryOut(
    act: MoveAct,
    wanted: WantedInstance,
    domain: Domain | null,
    show: ShowProgress,
    signal: AbortSignal,
  ): Promise<Step> {
    const { id } = wanted
    switch (act) {
      case 'prepare':
        return here.prepare(wanted, show, signal)
      case 'expect':
        return here.expect(wanted)
      case 'take':
        await here.take(wanted, { started_at: null, progress: null }, domain === null || domain.power === 'off')
        return 'again'
      case 'refuse':
        await here.refuse(wanted)
        return 'again'
      case 'define':
        return here.define(wanted)
      case 'dismiss':
        await here.dismiss(id)
        return 'again'
      case 'send':
        return away.send(wanted)
      case 'cancel':
        away.cancel(id)
        return 'rest'
      case 'recover':
        return away.recover(wanted, domain)
      case 'ask':
        return away.ask(wanted, domain, show, signal)
      case 'resume':
        await hypervisor.resume(id)
        return 'again'
      case 'cut':
        await hypervisor.cut(id)
        return 'again'
      case 'undefine':
        await hypervisor.undefine(id)
        return 'again'
      case 'remove':
        await remove(wanted)
        return 'again'
      case 'forget':
        await startAnew(id, domain)
        await book.note(id, undefined)
        phases.delete(id)
        return 'again'
      default:
        return act satisfies never
    }
  }

  /** A guest that was handed over and is this host's again has gone off by that, and not by itself. */
  async function startAnew(id: string, domain: Domain | null): Promise<void> {
    const move = book.last(id)
    const away = move?.role === 'source' && (move.stage === 'handing_over' || move.stage === 'switched')
    if (away && (domain === null || domain.power === 'off'))
      await options.noteDone(id, { ...options.doneOf(id), ran_in_boot: null })
  }

  /** The copies of its disks here, or on the target what was made for it; never what is in a pool that both hosts have. */
  async function remove(wanted: WantedInstance): Promise<void> {
    const { id, migration } = wanted
    if (migration === undefined) return
    const move = book.of(wanted)
    const source = migration.step === 'leave'
    const volumes = new Set(source ? migration.copied_volumes : (move?.made ?? []))
    const told = wanted.disks.some(disk => disk.role !== 'cdrom' && !migration.copied_volumes.includes(disk.volume_id))
    // A controller whose database is older may not know what was to be copied; what this host made ready is on its disk.
    const shared = source ? told : (move?.shares_disks ?? told)
    const mine = wanted.disks.filter(disk => (disk.role === 'cdrom' ? !shared : volumes.has(disk.volume_id)))
    await options.storage.remove(mine)
    await arrivals?.drop(wanted)
    // In a shared pool the config drive, too, is the other host's by now.
    if (!shared) await options.guestData.remove(id)
    await options.machineState?.remove(id, shared)
    await hypervisor.forget(id)
    await options.noteDone(id, nothingDone)
    await book.noteStage(wanted, 'left')
  }

  return {
    step,
    report(wanted) {
      const { id, migration } = wanted
      if (migration === undefined) return {}
      const move = book.of(wanted)
      if (move?.stage === 'left') return { power: 'absent' }
      const phase = phases.get(id) ?? null
      if (phase === null) return {}
      const address = here.addressOf(id)
      const progress = away.progressOf(id) ?? move?.progress ?? null
      const said: MigrationReport = {
        id: migration.id,
        phase,
        reason: phase === 'failed' || phase === 'cancelled' || phase === 'switched' ? (move?.reason ?? null) : null,
        ...(phase === 'ready' && address !== undefined && { address }),
        ...(phase === 'sending' && move?.asks !== undefined && { asks: move.asks }),
        ...(move?.stage === 'refused' && migration.asked && { never: neverWord(migration, migration.asked) }),
        ...(progress !== null && { progress }),
      }
      return { migration: said, ...powerMeanwhile(move, phase, away.isBusy(id)) }
    },
    isGone: id => {
      const wanted = instances.get(id)
      return wanted?.migration !== undefined && book.of(wanted)?.stage === 'left'
    },
    hasCome: id => {
      const wanted = instances.get(id)
      return wanted?.migration?.step === 'prepare' && book.of(wanted)?.stage === 'taken'
    },
    async forget(ids) {
      await book.forget(ids)
      for (const id of ids) {
        here.forget(id)
        leftovers.delete(id)
        phases.delete(id)
      }
    },
    async stop() {
      await away.stop()
      await mover?.stop()
    },
  }
}

/** A guest on its way is paused for a moment: nobody's doing, and over soon. One that has not come yet is not here. */
function powerMeanwhile(
  move: Move | null,
  phase: MigrationReport['phase'],
  busy: boolean,
): { power?: 'running' | 'stopped' } {
  if (phase === 'preparing' || phase === 'ready') return { power: 'stopped' }
  if (phase === 'switched' && move?.role === 'source') return { power: 'stopped' }
  return busy && move?.kind === 'live' ? { power: 'running' } : {}
}
