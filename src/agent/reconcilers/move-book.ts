/** The records of moves on this host, on disk. What follows from them is move-plan.ts's. */
import type { WantedMigration } from '../../protocol/migration.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Log, State } from '../ports.ts'
import { type Move, type MoveStage, parseMove } from './move.ts'

export interface MoveBook {
  /** The last move of an instance, whichever it was. */
  last(id: string): Move | null
  /** The record of the very migration that is wanted; the last one when none is. */
  of(wanted: WantedInstance): Move | null
  /** A record to begin with. */
  fresh(wanted: WantedInstance, migration: WantedMigration, stage: MoveStage): Move
  /** On disk when it resolves. */
  note(id: string, move: Move | undefined): Promise<void>
  noteStage(wanted: WantedInstance, stage: MoveStage, reason?: string | null): Promise<void>
  forget(ids: readonly string[]): Promise<void>
}

export async function openMoveBook(state: State, log: Log): Promise<MoveBook> {
  const folder = state.folder('moves')
  const records = new Map<string, Move>()
  for (const [id, value] of await folder.read()) {
    const record = parseMove(value)
    if (record !== null) records.set(id, record)
    else log.error({ instance: id }, 'the record of a move cannot be read; going by what the hypervisor has')
  }

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
      shares_disks: wanted.disks.some(
        disk => disk.role !== 'cdrom' && !migration.copied_volumes.includes(disk.volume_id),
      ),
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
    if (move === null) return
    // What was asked was about the stage before.
    const { asks: _, ...rest } = move
    await note(wanted.id, { ...rest, stage, reason: reason?.slice(0, 2000) ?? null })
  }

  return {
    last: id => records.get(id) ?? null,
    of: moveOf,
    fresh,
    note,
    noteStage,
    async forget(ids) {
      await folder.write(ids.map(name => ({ name, value: undefined })))
      for (const id of ids) records.delete(id)
    },
  }
}
