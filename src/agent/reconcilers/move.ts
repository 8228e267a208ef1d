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
 * Target: 'preparing' (written before disks are made) → 'ready' → 'taken' (it is this host's; for a live move written after the
 * guest runs here); or 'failed'.
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
  'taken',
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
})
export type Move = Static<typeof Move>

const check = Compile(Move)

/** Null when the value on disk is not a record. */
export function parseMove(value: unknown): Move | null {
  return check.Check(value) ? value : null
}
