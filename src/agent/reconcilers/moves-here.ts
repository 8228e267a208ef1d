/** The target's acts of moves: makes ready, takes what comes, and puts away what did not. Part of moves.ts. */
import type { Standing } from '../../protocol/peer.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { type Coming, Failure, type ShowProgress } from '../ports.ts'
import { nothingDone } from './done.ts'
import { sizeOf } from './instance-plan.ts'
import type { MoveBook } from './move-book.ts'
import type { MoveOptions, Step } from './moves.ts'

/** A failure that is likely to pass ends a move after so many tries. */
const quietTries = 3

type Come = Parameters<Coming['arrived']>[0]

export interface MovesHere {
  prepare(wanted: WantedInstance, show: ShowProgress, signal: AbortSignal): Promise<Step>
  expect(wanted: WantedInstance): Promise<Step>
  take(wanted: WantedInstance, come: Come): Promise<void>
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

  /** Makes ready what the guest needs here. What fails for good is told, and the move is over. */
  async function prepare(wanted: WantedInstance, show: ShowProgress, signal: AbortSignal): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined) return 'usual'
    try {
      if (mover === undefined || arrivals === undefined) throw new Failure('This host takes no instances from others.')
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
      await arrivals.prepare(wanted, copied, migration.kind, show, signal)
      await options.guestData.prepare(wanted)
      if (wanted.ports.length > 0) await options.networkReady()
      await book.noteStage(wanted, 'ready')
      tries.delete(id)
      return 'again'
    } catch (error) {
      const count = (tries.get(id) ?? 0) + 1
      tries.set(id, count)
      if (!(error instanceof Failure) || (error.passing && count < quietTries)) throw error
      log.warn({ instance: id, error }, 'an instance cannot come to this host')
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
      standing: () => standing(wanted),
      arrived: come => take(wanted, come),
    })
    addresses.set(id, address)
    return 'again'
  }

  /** By what libvirt has, and for a guest that is off by what is on disk. */
  async function standing(wanted: WantedInstance): Promise<Standing> {
    const move = book.of(wanted)
    if (move?.stage === 'taken') return 'here'
    if (move?.kind === 'cold') return 'never'
    const domain = await hypervisor.look(wanted.id)
    if (domain === null || domain.power === 'off') return 'never'
    return domain.power === 'running' && domain.moving === undefined ? 'here' : 'unsettled'
  }

  /** It is this host's: as if it had been started here, with what it was started with there. */
  async function take(wanted: WantedInstance, { started_at, progress }: Come): Promise<void> {
    const { id } = wanted
    const move = book.of(wanted)
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
    await book.note(id, { ...move, stage: 'taken', progress })
    log.info({ instance: id, migration: move.migration_id, kind: move.kind }, 'an instance has come to this host')
    options.wake(id)
  }

  /** What came is gone when it stops; so it is defined, as it would be for a start here. */
  async function define(wanted: WantedInstance): Promise<Step> {
    const move = book.last(wanted.id)
    if (move === null || arrivals === undefined) return 'usual'
    const disks = await arrivals.located(wanted)
    const config_drive = await options.guestData.prepare(wanted)
    await hypervisor.define({ instance: wanted, disks, config_drive })
    await book.note(wanted.id, { ...move, defined: true })
    options.cameHere?.(wanted.id)
    return 'again'
  }

  return {
    prepare,
    expect,
    take,
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
