/**
 * What the agent has done for one instance, kept on disk beside what is wanted, so that a restart of the agent or of the
 * host neither repeats an act (a reboot, a shutdown's patience) nor forgets one. Written before an act that must not be
 * repeated, and after it.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { WatchdogFired } from '../../protocol/messages.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const Done = Type.Object({
  /** The wanted generation carried out, or failed at; -1: none. */
  applied_generation: Type.Integer(),
  failure: Nullable(Type.String()),
  /** With `failure`: another host may do better. */
  refused: Type.Boolean(),
  /** The boot of this host in which the guest last ran by our doing; a different one now means a power cut between. */
  ran_in_boot: Nullable(Type.String()),
  /** RFC 3339; when QEMU was started last. */
  started_at: Nullable(Type.String()),
  /**
   * What there was of these when QEMU was started last: what is there now and was there then says nothing of what became of the guest since. By the
   * times themselves that could not be told, on a machine whose clock was set between them. Of a record of an older agent it is not known.
   */
  at_start: Type.Optional(Type.Object({ killed_at: Nullable(Type.String()), fired_at: Nullable(Type.String()) })),
  /** The generation during which the guest powered itself off. */
  stopped_by_guest: Nullable(Type.Integer()),
  reboots_done: Type.Integer(),
  /** A reboot under way: the guest is on its way down, or the way up has begun. */
  reboot: Nullable(
    Type.Object({ count: Type.Integer(), stage: Type.Union([Type.Literal('down'), Type.Literal('up')]) }),
  ),
  /** The guest was asked to shut down, for this generation; the deadline is wall clock, so that it holds across restarts. */
  shutdown: Nullable(Type.Object({ generation: Type.Integer(), deadline_ms: Type.Number() })),
  crashes: Type.Integer(),
  crashed_at_ms: Type.Number(),
  /** When its watchdog fired last. */
  watchdog: Type.Optional(Nullable(WatchdogFired)),
  /** 'absent': everything of it is removed. */
  purged: Type.Boolean(),
  /** Volumes that were made on this host: one that is not there any more is lost or out of sight, and never made anew. */
  disks: Type.Array(Type.String()),
  /** What the guest that runs was given; null: not known, or by an older agent. */
  size: Nullable(Type.Object({ vcpus: Type.Integer(), memory_mib: Type.Integer() })),
})
export type Done = Static<typeof Done>

export const nothingDone: Done = {
  applied_generation: -1,
  failure: null,
  refused: false,
  ran_in_boot: null,
  started_at: null,
  stopped_by_guest: null,
  reboots_done: 0,
  reboot: null,
  shutdown: null,
  crashes: 0,
  crashed_at_ms: 0,
  purged: false,
  disks: [],
  size: null,
}

const check = Compile(Done)

/** Null when the value on disk is not a record (a damaged file): then the safe start is `nothingDone`. */
export function parseDone(value: unknown): Done | null {
  // What an older agent did not know of was not done.
  const record: unknown = typeof value === 'object' ? { ...nothingDone, ...value } : value
  return check.Check(record) ? record : null
}
