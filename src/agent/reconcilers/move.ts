/**
 * What the agent has done of moving one instance, kept on disk beside what was done of the instance itself: after a break, libvirt's
 * state and this tell where the guest is, or that the other host must be asked.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { MigrationProgress } from '../../protocol/migration.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/**
 * Source: 'sending' → 'handing_over' (written before the target may run the guest) → 'switched'; or 'failed', 'cancelled'.
 * Target: 'preparing' (written before disks are made) → 'ready' → for a live move 'taking' (written before the guest may run here;
 * 'ready' again, when libvirt could not let it) → 'taken' (it is this host's); or 'failed'; or 'refused': it was not let run, and never will
 * be (written before the source is told so by way of the controllers).
 * Both: 'left': nothing of it is here any more.
 */
export const moveStages = [
  'sending',
  'handing_over',
  'switched',
  'failed',
  'cancelled',
  'preparing',
  'ready',
  'taking',
  'taken',
  'refused',
  'left',
] as const
export type MoveStage = (typeof moveStages)[number]

export const Move = Type.Object({
  migration_id: Type.String(),
  role: Type.Union([Type.Literal('source'), Type.Literal('target')]),
  kind: Type.Union([Type.Literal('live'), Type.Literal('cold')]),
  stage: Type.Unsafe<MoveStage>({ type: 'string', enum: [...moveStages] }),
  reason: Nullable(Type.String()),
  /** Target: what was wanted when it was prepared, which is what the guest that came was started with. */
  generation: Type.Integer(),
  reboot_count: Type.Integer(),
  /** Target: volumes that this move may make, and remove again. */
  made: Type.Array(Type.String()),
  /** Target: the guest that came is defined here, so that it survives being off. */
  defined: Type.Boolean(),
  progress: Nullable(MigrationProgress),
  /**
   * Some disks are not copied: a guest on the target may have written to them, and config drive and CD-ROM are there for both hosts. Absent: by
   * an older agent, not known.
   */
  shares_disks: Type.Optional(Type.Boolean()),
  /** Source, 'handing_over': by which name it asks the target what became of it, by way of the controllers. */
  asks: Type.Optional(Type.String()),
})
export type Move = Static<typeof Move>

const check = Compile(Move)

/** Null when the value on disk is not a record. */
export function parseMove(value: unknown): Move | null {
  return check.Check(value) ? value : null
}
