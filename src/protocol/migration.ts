/**
 * Moving an instance from one host to another, as controllers and agents speak of it. What each of the two hosts is to do
 * is part of what is wanted of the instance there, so that it is on disk, told anew on each connect and safe to hear twice;
 * how far each has come is part of its reports. The two agents speak with each other directly, over mutual TLS, with a
 * secret that both were told; see docs/design/0009.
 */
import Type, { type Static, type TSchema } from 'typebox'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Reason = Type.String({ maxLength: 2000 })
/** SHA-256, base64url. */
const Word = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })

/**
 * What a host does for a migration:
 * - 'prepare' (target): make ready what the guest needs (disks, guest data, network), listen for the source, start nothing.
 *   The instance is not this host's yet.
 * - 'send' (source): lead the move over to the target. Until it has switched the guest goes on here as if nothing were.
 * - 'cancel' (source): end the move if it has not switched; the guest goes on here.
 * - 'leave' (source, after the instance has become the target's; also of a host that was declared dead and is back): make
 *   sure that no guest of it runs here, then remove what is left of it, but no disk in a shared pool. Ends with 'absent'.
 * - 'discard' (target, after a move that failed): as 'leave'.
 */
export const migrationSteps = ['prepare', 'send', 'cancel', 'leave', 'discard'] as const
export type MigrationStep = (typeof migrationSteps)[number]

export const WantedMigration = Type.Object({
  id: Uuid,
  step: Type.Unsafe<MigrationStep>({ type: 'string', enum: [...migrationSteps] }),
  /** 'live': memory goes over while the guest runs. 'cold': the guest is off, and stays so; only disks go over. */
  kind: Type.Union([Type.Literal('live'), Type.Literal('cold')]),
  /** The other host, by the id that its certificate names. */
  peer_host_id: Uuid,
  /** For 'send' and 'cancel': where the target's agent listens, as it said in its report ('ready'). */
  peer_address: Type.Optional(Type.String({ maxLength: 256 })),
  /** For 'prepare': the source is at its hand-over and asks by this name; see `asks` of MigrationReport. */
  asked: Type.Optional(Uuid),
  /** For 'send' and 'cancel': the target's answer to what the source asks, as the target gave it. Counts only if it is right. */
  never: Type.Optional(Word),
  /** Both ends know it; good for this migration alone. */
  secret: Type.String({ minLength: 16, maxLength: 128 }),
  /** Volumes whose content goes over; all others are in a pool that both hosts reach. */
  copied_volumes: Type.Array(Uuid, { maxItems: 1024 }),
  /** The most that is sent, MiB/s; absent: no limit. */
  bandwidth_mib_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  /** The longest pause at the switch-over that is aimed at. */
  downtime_ms_max: Type.Optional(Type.Integer({ minimum: 1, maximum: 60_000 })),
  /** Slow the guest down when its memory changes faster than it can be sent. */
  auto_converge: Type.Boolean(),
  /** After this time without an end, go over to postcopy; absent: never. */
  postcopy_after_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
  /** After this time without an end the move is given up, and the guest goes on where it is; absent: never. */
  timeout_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 604_800 })),
})
export type WantedMigration = Static<typeof WantedMigration>

/**
 * How far this host is with it:
 * - 'preparing', 'ready' (target): the latter with `address`, where it listens.
 * - 'sending' (source), with `progress`.
 * - 'switched' (source: the target took the guest over; target: the guest runs here now, or for 'cold', all disks are here).
 * - 'failed', 'cancelled': it has ended, and the guest goes on where it was; `reason` says why.
 */
export const migrationPhases = ['preparing', 'ready', 'sending', 'switched', 'failed', 'cancelled'] as const
export type MigrationPhase = (typeof migrationPhases)[number]

export const MigrationProgress = Type.Object({
  memory_total_bytes: Bytes,
  memory_left_bytes: Bytes,
  disk_total_bytes: Bytes,
  disk_left_bytes: Bytes,
  /** Bytes sent in a second, lately. */
  rate_bytes_s: Bytes,
  elapsed_ms: Bytes,
  /** What the hypervisor expects the pause to be, or after the switch what it was. */
  downtime_ms: Nullable(Bytes),
  postcopy: Type.Boolean(),
})
export type MigrationProgress = Static<typeof MigrationProgress>

export const MigrationReport = Type.Object({
  id: Uuid,
  phase: Type.Unsafe<MigrationPhase>({ type: 'string', enum: [...migrationPhases] }),
  reason: Nullable(Reason),
  /** host:port of this host's agent for the source; with 'ready'. */
  address: Type.Optional(Type.String({ maxLength: 256 })),
  /**
   * Of a source, with 'sending': it has handed the guest over and not heard what came of that, so it is paused; it asks the target by way of
   * the controllers, too, by this name, which is one for each hand-over.
   */
  asks: Type.Optional(Uuid),
  /**
   * Of a target that was asked so: it has not taken the guest and never will, by this migration, and that is on its disk. A keyed hash of
   * what was asked, with the migration's secret, so that it answers this hand-over and no other one (agent/reconcilers/never-word.ts). That
   * the guest has come it says by 'switched'.
   */
  never: Type.Optional(Word),
  progress: Type.Optional(Nullable(MigrationProgress)),
})
export type MigrationReport = Static<typeof MigrationReport>
