/**
 * Moves of instances to and from this host: carries out what move-plan.ts decides, and says how far each is. Part of the instance
 * reconciler's pass, which asks here first. Sending runs beside the passes, as it takes minutes; everything else is an act as any.
 */
import type { Clock } from '../../lib/clock.ts'
import type { MigrationProgress, MigrationReport, WantedMigration } from '../../protocol/migration.ts'
import type { Standing } from '../../protocol/peer.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import {
  type Arrivals,
  type Coming,
  type Domain,
  Failure,
  type GuestData,
  type Hypervisor,
  type Log,
  type Mover,
  type ShowProgress,
  type State,
  type Storage,
} from '../ports.ts'
import { type Done, nothingDone } from './done.ts'
import { sizeOf } from './instance-plan.ts'
import { type Move, type MoveStage, parseMove } from './move.ts'
import { type MoveAct, type MovePlan, neverThere, planMove, restarted } from './move-plan.ts'

/** Ending what a killed agent left takes libvirt a moment. */
const quietTries = 3

export interface MoveOptions {
  readonly hypervisor: Hypervisor
  readonly storage: Storage
  readonly guestData: GuestData
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
  readonly wake: (id: string) => void
  readonly wakeAt: (id: string, at_ms: number) => void
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
  forget(ids: readonly string[]): Promise<void>
  stop(): Promise<void>
}

export type Step = 'again' | 'rest' | 'usual'

type Come = Parameters<Coming['arrived']>[0]

interface Sending {
  readonly abort: AbortController
  done: Promise<void>
  progress: MigrationProgress | null
}

export async function createMoves(options: MoveOptions): Promise<Moves> {
  const { hypervisor, clock, log, instances, mover, arrivals } = options
  const folder = options.state.folder('moves')
  const records = new Map<string, Move>()
  for (const [id, value] of await folder.read()) {
    const record = parseMove(value)
    if (record !== null) records.set(id, record)
    else log.error({ instance: id }, 'the record of a move cannot be read; going by what the hypervisor has')
  }
  const sending = new Map<string, Sending>()
  /** Where each is expected. */
  const addresses = new Map<string, string>()
  const leftovers = new Map<string, number>()
  const phases = new Map<string, MigrationReport['phase'] | null>()
  const tries = new Map<string, number>()

  async function note(id: string, move: Move | undefined): Promise<void> {
    await folder.write([{ name: id, value: move }])
    if (move === undefined) records.delete(id)
    else records.set(id, move)
  }

  function fresh(wanted: WantedInstance, migration: WantedMigration, stage: MoveStage): Move {
    const target = migration.step === 'prepare' || migration.step === 'discard'
    return {
      migration_id: migration.id,
      role: target ? 'target' : 'source',
      kind: migration.kind,
      stage,
      reason: null,
      generation: wanted.generation,
      reboot_count: wanted.reboot_count,
      made: [],
      defined: false,
      progress: null,
    }
  }

  /** The record of this very migration. */
  function moveOf(wanted: WantedInstance): Move | null {
    const move = records.get(wanted.id) ?? null
    return wanted.migration === undefined || move?.migration_id === wanted.migration.id ? move : null
  }

  async function noteStage(wanted: WantedInstance, stage: MoveStage, reason: string | null = null): Promise<void> {
    const { migration } = wanted
    const move = moveOf(wanted) ?? (migration === undefined ? null : fresh(wanted, migration, stage))
    if (move !== null) await note(wanted.id, { ...move, stage, reason: reason?.slice(0, 2000) ?? null })
  }

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
      move: records.get(id) ?? null,
      busy: sending.has(id),
      expected: addresses.has(id),
      coming: mover?.isComing(id) ?? false,
      leftover_since_ms: leftovers.get(id) ?? null,
      now_ms: clock.now_ms(),
    }
    const plan = planMove(at)
    if (plan.kind !== 'hold' || plan.leftover !== true) leftovers.delete(id)
    if (plan.kind === 'note') {
      await noteStage(wanted, plan.stage, plan.reason)
      return 'again'
    }
    phases.set(id, plan.phase)
    if (plan.kind === 'usual') return 'usual'
    if (plan.kind === 'hold') return wait(id, plan)
    log.debug({ instance: id, act: plan.act, migration: wanted.migration?.id }, 'acting for a move')
    return await carryOut(plan.act, wanted, domain, show, signal)
  }

  function wait(id: string, plan: Extract<MovePlan, { kind: 'hold' }>): Step {
    if (plan.leftover === true && !leftovers.has(id)) leftovers.set(id, clock.now_ms())
    if (plan.again_ms !== null) options.wakeAt(id, clock.now_ms() + plan.again_ms)
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
        return prepare(wanted, show, signal)
      case 'expect':
        return expect(wanted)
      case 'take':
        await take(wanted, { started_at: null, progress: null })
        return 'again'
      case 'define':
        return define(wanted)
      case 'dismiss':
        addresses.delete(id)
        await mover?.dismiss(id)
        return 'again'
      case 'send':
        return send(wanted)
      case 'cancel':
        sending.get(id)?.abort.abort(new Failure('The move was cancelled; the instance goes on where it was.'))
        return 'rest'
      case 'recover':
        return recover(wanted, domain)
      case 'ask':
        return ask(wanted, domain)
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
        await note(id, undefined)
        phases.delete(id)
        return 'again'
      default:
        return act satisfies never
    }
  }

  /** Makes ready what the guest needs here. What fails for good is told, and the move is over. */
  async function prepare(wanted: WantedInstance, show: ShowProgress, signal: AbortSignal): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined) return 'usual'
    try {
      if (mover === undefined || arrivals === undefined) throw new Failure('This host takes no instances from others.')
      const copied = new Set(migration.copied_volumes)
      const before = moveOf(wanted) ?? fresh(wanted, migration, 'preparing')
      const there = await options.storage.present([...copied].filter(volume => !before.made.includes(volume)))
      if (there.length > 0) {
        throw new Failure(
          `The target host has files of ${there.length === 1 ? 'a volume' : 'volumes'} that should be copied there (${there.join(', ')}), and writes over nothing. If they are leftovers, remove them there; if both hosts share the pool, it must have the same mark on both.`,
        )
      }
      await note(id, { ...before, stage: 'preparing', made: [...copied] })
      await options.noteDone(id, nothingDone)
      await arrivals.prepare(wanted, copied, migration.kind, show, signal)
      await options.guestData.prepare(wanted)
      if (wanted.ports.length > 0) await options.networkReady()
      await noteStage(wanted, 'ready')
      tries.delete(id)
      return 'again'
    } catch (error) {
      const count = (tries.get(id) ?? 0) + 1
      tries.set(id, count)
      if (!(error instanceof Failure) || (error.passing && count < quietTries)) throw error
      log.warn({ instance: id, error }, 'an instance cannot come to this host')
      await noteStage(wanted, 'failed', error.message)
      return 'again'
    }
  }

  async function expect(wanted: WantedInstance): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined || mover === undefined) return 'usual'
    const { address } = await mover.expect({
      instance: wanted,
      migration,
      standing: () => standing(wanted),
      arrived: come => take(wanted, come),
    })
    addresses.set(id, address)
    return 'again'
  }

  /** By what libvirt has, and for a guest that is off by what is on disk. */
  async function standing(wanted: WantedInstance): Promise<Standing> {
    const move = moveOf(wanted)
    if (move?.stage === 'taken') return 'here'
    if (move?.kind === 'cold') return 'never'
    const domain = await hypervisor.look(wanted.id)
    if (domain === null || domain.power === 'off') return 'never'
    return domain.power === 'running' && domain.moving === undefined ? 'here' : 'unsettled'
  }

  /** It is this host's: as if it had been started here, with what it was started with there. */
  async function take(wanted: WantedInstance, { started_at, progress }: Come): Promise<void> {
    const { id } = wanted
    const move = moveOf(wanted)
    if (move === null || move.stage === 'taken') return
    const live = move.kind === 'live'
    await options.noteDone(id, {
      ...nothingDone,
      applied_generation: move.generation,
      ran_in_boot: live ? options.boot_id : null,
      started_at: live ? (started_at ?? new Date(clock.now_ms()).toISOString()) : null,
      reboots_done: move.reboot_count,
      disks: wanted.disks.flatMap(disk => (disk.role === 'cdrom' ? [] : disk.volume_id)),
      size: live ? sizeOf(wanted) : null,
    })
    await note(id, { ...move, stage: 'taken', progress })
    log.info({ instance: id, migration: move.migration_id, kind: move.kind }, 'an instance has come to this host')
    options.wake(id)
  }

  /** What came is gone when it stops; so it is defined, as it would be for a start here. */
  async function define(wanted: WantedInstance): Promise<Step> {
    const move = records.get(wanted.id)
    if (move === undefined || arrivals === undefined) return 'usual'
    const disks = await arrivals.located(wanted)
    const config_drive = await options.guestData.prepare(wanted)
    await hypervisor.define({ instance: wanted, disks, config_drive })
    await note(wanted.id, { ...move, defined: true })
    options.cameHere?.(wanted.id)
    return 'again'
  }

  async function send(wanted: WantedInstance): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined) return 'usual'
    if (mover === undefined) {
      await noteStage(wanted, 'failed', 'This host sends no instances to others.')
      return 'again'
    }
    await noteStage(wanted, 'sending')
    const abort = new AbortController()
    const entry: Sending = { abort, progress: null, done: Promise.resolve() }
    const lead = async () => {
      const sent = await mover.send({
        instance: wanted,
        migration,
        started_at: options.doneOf(id).started_at,
        signal: abort.signal,
        show(progress) {
          entry.progress = progress
          options.wake(id)
        },
        handingOver: () => noteStage(wanted, 'handing_over'),
      })
      if (sent.outcome === 'switched') {
        const move = moveOf(wanted)
        if (move !== null) await note(id, { ...move, stage: 'switched', progress: sent.progress ?? entry.progress })
      } else if (sent.outcome === 'stayed') {
        const cancelled = abort.signal.aborted && instances.get(id)?.migration?.step === 'cancel'
        await noteStage(wanted, cancelled ? 'cancelled' : 'failed', sent.reason)
      } else log.warn({ instance: id, reason: sent.reason }, 'the target did not say what became of a guest; asking it')
    }
    sending.set(id, entry)
    entry.done = lead()
      .catch(error => log.error({ instance: id, error }, 'a move ended in a way that is not known; looking again'))
      .finally(() => {
        sending.delete(id)
        options.wake(id)
      })
    return 'rest'
  }

  /** An agent that was killed led it: whatever of that goes on is ended, and the guest goes on here. */
  async function recover(wanted: WantedInstance, domain: Domain | null): Promise<Step> {
    if (mover !== undefined && domain !== null && domain.power !== 'off') await mover.abort(wanted.id)
    const now = await hypervisor.look(wanted.id)
    if (now?.moving === 'both' || now?.moving === 'broken') {
      await noteStage(wanted, 'handing_over')
      return 'again'
    }
    if (now?.moving === 'paused') await hypervisor.resume(wanted.id)
    await noteStage(wanted, 'failed', restarted)
    return 'again'
  }

  async function ask(wanted: WantedInstance, domain: Domain | null): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined || mover === undefined) return 'usual'
    let standing: Standing = 'unsettled'
    try {
      standing = await mover.ask(wanted, migration)
    } catch (error) {
      log.warn(
        { instance: id, error },
        'the target of a move cannot be asked now; the guest stays paused here until it is',
      )
    }
    if (standing === 'here') {
      await noteStage(wanted, 'switched')
      return 'again'
    }
    if (standing === 'unsettled') {
      options.wakeAt(id, clock.now_ms() + 3000)
      return 'rest'
    }
    if (domain?.moving === 'paused') await hypervisor.resume(id)
    await noteStage(wanted, 'failed', neverThere)
    return 'again'
  }

  /** The copies of its disks here, or on the target what was made for it; never what is in a pool that both hosts have. */
  async function remove(wanted: WantedInstance): Promise<void> {
    const { id, migration } = wanted
    if (migration === undefined) return
    const move = moveOf(wanted)
    const source = migration.step === 'leave'
    const volumes = new Set(source ? migration.copied_volumes : (move?.made ?? []))
    const shared = wanted.disks.some(
      disk => disk.role !== 'cdrom' && !migration.copied_volumes.includes(disk.volume_id),
    )
    const mine = wanted.disks.filter(disk => (disk.role === 'cdrom' ? !shared : volumes.has(disk.volume_id)))
    await arrivals?.drop(wanted)
    await options.storage.remove(mine)
    // In a shared pool the config drive, too, is the other host's by now.
    if (!shared) await options.guestData.remove(id)
    await hypervisor.forget(id)
    await options.noteDone(id, nothingDone)
    await noteStage(wanted, 'left')
  }

  return {
    step,
    report(wanted) {
      const { id, migration } = wanted
      if (migration === undefined) return {}
      const move = moveOf(wanted)
      if (move?.stage === 'left') return { power: 'absent' }
      const phase = phases.get(id) ?? null
      if (phase === null) return {}
      const address = addresses.get(id)
      const progress = sending.get(id)?.progress ?? move?.progress ?? null
      const said: MigrationReport = {
        id: migration.id,
        phase,
        reason: phase === 'failed' || phase === 'cancelled' ? (move?.reason ?? null) : null,
        ...(phase === 'ready' && address !== undefined && { address }),
        ...(progress !== null && { progress }),
      }
      return { migration: said, ...powerMeanwhile(move, phase, sending.has(id)) }
    },
    isGone: id => {
      const wanted = instances.get(id)
      return wanted?.migration !== undefined && moveOf(wanted)?.stage === 'left'
    },
    async forget(ids) {
      await folder.write(ids.map(name => ({ name, value: undefined })))
      for (const id of ids) for (const map of [records, addresses, leftovers, phases, tries]) map.delete(id)
    },
    async stop() {
      for (const { abort } of sending.values()) {
        abort.abort(
          new Failure('The host’s agent was stopped while the instance was on its way; it goes on where it was.'),
        )
      }
      const ends = [...sending.values()].map(({ done }) => done)
      await Promise.race([Promise.allSettled(ends), new Promise(resolve => clock.after(5000, () => resolve(null)))])
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
