/** The target's acts of moves: makes ready, takes what comes, and puts away what did not. Part of moves.ts. */
import type { Standing } from '../../protocol/peer.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { type Coming, Failure, type ShowProgress } from '../ports.ts'
import { nothingDone } from './done.ts'
import { sizeOf } from './instance-plan.ts'
import type { MoveBook } from './move-book.ts'
import type { MoveOptions, Step } from './moves.ts'
import { createLimiter } from './worker.ts'

/** A failure that is likely to pass ends a move after so many tries. */
const quietTries = 3

const lostHere =
  'The guest had gone over, and was lost on its new host at that very moment; it is started there anew, from its disks.'

type Come = Parameters<Coming['arrived']>[0]

export interface MovesHere {
  prepare(wanted: WantedInstance, show: ShowProgress, signal: AbortSignal): Promise<Step>
  expect(wanted: WantedInstance): Promise<Step>
  take(wanted: WantedInstance, come: Come, gone?: boolean): Promise<void>
  /** It has not come, and from now on it cannot: on disk when it resolves. Does nothing where it may have. */
  refuse(wanted: WantedInstance): Promise<void>
  define(wanted: WantedInstance): Promise<Step>
  dismiss(id: string): Promise<void>
  /** Where the source of one may come; undefined: nowhere. */
  addressOf(id: string): string | undefined
  forget(id: string): void
}

export function createMovesHere(options: MoveOptions, book: MoveBook): MovesHere {
  const { hypervisor, clock, log, mover, arrivals } = options
  /** Where each is expected. */
  const addresses = new Map<string, string>()
  const tries = new Map<string, number>()
  /** Whether a guest may run here is settled once: what is read of it holds until it is written. */
  const settling = createLimiter(1)

  /** Makes ready what the guest needs here. What fails for good is told, and the move is over. */
  async function prepare(wanted: WantedInstance, show: ShowProgress, signal: AbortSignal): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined) return 'usual'
    try {
      if (mover === undefined || arrivals === undefined) throw new Failure('This host takes no instances from others.')
      mover.expectSoon?.()
      const copied = new Set(migration.copied_volumes)
      const before = book.of(wanted) ?? book.fresh(wanted, migration, 'preparing')
      const there = await options.storage.present([...copied].filter(volume => !before.made.includes(volume)))
      if (there.length > 0) {
        throw new Failure(
          `The target host has files of ${there.length === 1 ? 'a volume' : 'volumes'} that should be copied there (${there.join(', ')}), and writes over nothing. If they are leftovers, remove them there; if both hosts share the pool, it must have the same mark on both.`,
        )
      }
      await book.note(id, { ...before, stage: 'preparing', made: [...copied] })
      await options.noteDone(id, nothingDone)
      const both = await Promise.allSettled([
        arrivals.prepare(wanted, copied, migration.kind, show, signal),
        options.guestData.prepare(wanted),
        options.machineState?.expect(wanted),
      ])
      for (const each of both) if (each.status === 'rejected') throw each.reason
      if (wanted.ports.length > 0) await options.networkReady()
      await book.noteStage(wanted, 'ready')
      tries.delete(id)
      return 'again'
    } catch (error) {
      const count = (tries.get(id) ?? 0) + 1
      tries.set(id, count)
      if (!(error instanceof Failure) || (error.passing && count < quietTries)) throw error
      log.warn({ instance: id, error }, 'an instance cannot come to this host')
      await mover?.dismiss(id)
      await book.noteStage(wanted, 'failed', error.message)
      return 'again'
    }
  }

  async function expect(wanted: WantedInstance): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined || mover === undefined) return 'usual'
    const { address } = await mover.expect({
      instance: wanted,
      migration,
      refused: () => book.of(wanted)?.stage === 'refused',
      standing: () => standing(wanted),
      mayRun: may => settling(() => mayRun(wanted, may)),
      arrived: come => take(wanted, come),
    })
    addresses.set(id, address)
    return 'again'
  }

  /**
   * By what libvirt has, and for a guest that is off by what is on disk. One that may have run here and is gone is this host's all the
   * same: what it wrote meanwhile is here, and its source has it as it was before.
   */
  async function standing(wanted: WantedInstance): Promise<Standing> {
    const move = book.of(wanted)
    if (move?.stage === 'taken') return 'here'
    if (move?.kind === 'cold') return 'never'
    const domain = await hypervisor.look(wanted.id)
    if (domain === null || domain.power === 'off') {
      if (move?.stage !== 'taking') return 'never'
      // libvirt may still say that it did not let it run.
      return mover?.isComing(wanted.id) === true ? 'unsettled' : 'here'
    }
    return domain.power === 'running' && domain.moving === undefined ? 'here' : 'unsettled'
  }

  async function mayRun(wanted: WantedInstance, may: boolean): Promise<void> {
    const move = book.of(wanted)
    if (move === null || move.stage !== (may ? 'ready' : 'taking')) {
      throw new Failure(`This host is not where the guest could come to now (${move?.stage ?? 'nothing is known'}).`)
    }
    await book.note(wanted.id, { ...move, stage: may ? 'taking' : 'ready' })
  }

  const refuse = (wanted: WantedInstance) =>
    settling(async () => {
      const stage = book.of(wanted)?.stage
      if (stage !== 'ready') return
      await book.noteStage(wanted, 'refused')
      log.info({ instance: wanted.id }, 'an instance did not come to this host and never will; its source is told so')
    })

  const take: MovesHere['take'] = (wanted, come, gone) => settling(() => took(wanted, come, gone))

  /**
   * It is this host's: as if it had been started here, with what it was started with there. One that has gone again before that was
   * noted did so with the power of its host, or with libvirt: nothing of its own doing, so it is started anew.
   */
  async function took(wanted: WantedInstance, { started_at, progress }: Come, gone = false): Promise<void> {
    const { id } = wanted
    const move = book.of(wanted)
    if (move === null || move.stage === 'taken') return
    if (move.stage === 'refused') throw new Failure('This host has told the source that the guest does not run here.')
    const live = move.kind === 'live'
    const runs = live && !gone
    await options.noteDone(id, {
      ...nothingDone,
      applied_generation: move.generation,
      ran_in_boot: runs ? options.boot_id : null,
      started_at: runs ? (started_at ?? new Date(clock.now_ms()).toISOString()) : null,
      // By the clock of the host where it was started: here only what comes after says anything of it.
      at_start: { killed_at: options.killedAt?.(id) ?? null, fired_at: null },
      reboots_done: move.reboot_count,
      disks: wanted.disks.flatMap(disk => (disk.role === 'cdrom' ? [] : disk.volume_id)),
      size: runs ? sizeOf(wanted) : null,
    })
    await book.note(id, { ...move, stage: 'taken', progress, reason: live && gone ? lostHere : null })
    log.info({ instance: id, migration: move.migration_id, kind: move.kind, gone }, 'an instance has come to this host')
    options.wake(id)
  }

  /** What came is gone when it stops; so it is defined, as it would be for a start here. */
  async function define(wanted: WantedInstance): Promise<Step> {
    const move = book.last(wanted.id)
    if (move === null || arrivals === undefined) return 'usual'
    const disks = await arrivals.located(wanted)
    const config_drive = await options.guestData.prepared(wanted)
    await hypervisor.define({ instance: wanted, disks, config_drive })
    await options.machineState?.keep(wanted, true)
    await book.note(wanted.id, { ...move, defined: true })
    options.cameHere?.(wanted.id)
    return 'again'
  }

  return {
    prepare,
    expect,
    take,
    refuse,
    define,
    async dismiss(id) {
      addresses.delete(id)
      await mover?.dismiss(id)
    },
    addressOf: id => addresses.get(id),
    forget(id) {
      addresses.delete(id)
      tries.delete(id)
    },
  }
}
