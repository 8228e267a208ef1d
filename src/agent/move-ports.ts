/** The ports through which instances move between hosts; part of ports.ts. */
import type { MigrationProgress, WantedMigration } from '../protocol/migration.ts'
import type { SentDisk, Standing } from '../protocol/peer.ts'
import type { WantedInstance } from '../protocol/wanted.ts'
import type { PreparedDisk, ShowProgress } from './ports.ts'

/** A disk that goes to another host, as it is here. */
export interface LeavingDisk extends SentDisk {
  readonly path: string
}

/** Where a disk of a guest that is off comes to. */
export interface ArrivingFile {
  readonly volume_id: string
  readonly path: string
  readonly bytes_max: number
}

/** Disks of instances that come from another host, or go to one. Every method throws Failure. */
export interface Arrivals {
  /**
   * Blank disks for the volumes in `copied`, each on its image where it has one and that is to be had; made anew each time. All
   * others must be there.
   */
  prepare(
    instance: WantedInstance,
    copied: ReadonlySet<string>,
    kind: 'live' | 'cold',
    show: ShowProgress,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Makes the blank disks fit those that are sent. True when each stands on the same image as there, or both on none: then
   * what is above it is all that has to come. For 'cold' each must.
   */
  fit(instance: WantedInstance, sent: readonly SentDisk[], kind: 'live' | 'cold'): Promise<boolean>
  /** The files that are to come, of a guest that is off. */
  files(instance: WantedInstance, sent: readonly SentDisk[]): Promise<ArrivingFile[]>
  /** They have come: looks at each, and puts them all in place. */
  settle(instance: WantedInstance, copied: ReadonlySet<string>): Promise<void>
  /** The disks as they are; touches nothing. */
  located(instance: WantedInstance): Promise<PreparedDisk[]>
  /** At the source. */
  leaving(instance: WantedInstance, copied: ReadonlySet<string>): Promise<LeavingDisk[]>
  /** What never came in whole. */
  drop(instance: WantedInstance): Promise<void>
}

/** An instance that is to come from another host; `instance.migration` says from which. */
export interface Coming {
  readonly instance: WantedInstance
  readonly migration: WantedMigration
  /** The source was told that the guest will not come: it cannot come any more. */
  refused(): boolean
  /** What is to be told to the source when it asks after a break. */
  standing(): Promise<Standing>
  /** From here on the guest may run here: or, with `may` false, it surely has not, and is not coming now. Resolves when that is on disk. */
  mayRun(may: boolean): Promise<void>
  /** It is this host's now: the guest runs here, or its files are in place. Resolves when that is on disk. */
  arrived(come: { readonly started_at: string | null; readonly progress: MigrationProgress | null }): Promise<void>
}

/** An instance that goes to another host. */
export interface Leaving {
  readonly instance: WantedInstance
  readonly migration: WantedMigration
  /** Aborted to give the move up, with the reason; too late after the switch-over. */
  readonly signal: AbortSignal
  /** RFC 3339; when QEMU was started here. */
  readonly started_at: string | null
  /** At most once a second. */
  show(progress: MigrationProgress): void
  /** The target may run the guest from here on. Resolves when that is on disk. */
  handingOver(): Promise<void>
}

export type Sent =
  | { readonly outcome: 'switched'; readonly progress: MigrationProgress | null }
  /** It goes on here as if nothing had been. */
  | { readonly outcome: 'stayed'; readonly reason: string }
  /** The target did not answer when it mattered: `ask` tells. A guest that ran is paused here. */
  | { readonly outcome: 'unsure'; readonly reason: string }

/** Moves instances between hosts, together with the other host's one of these. */
export interface Mover {
  /** Target: `expect` is to follow, or `dismiss`: begins what takes a while. */
  expectSoon?(): void
  /** Target: lets the source come, until `dismiss`. Where, resolves; again at once when it is expected already. */
  expect(coming: Coming): Promise<{ readonly address: string }>
  /** Target: a source is at it now. */
  isComing(instance_id: string): boolean
  /** Target: whatever is under way ends; when it resolves nothing of it goes on. */
  dismiss(instance_id: string): Promise<void>
  /** Source: leads, to the end. */
  send(leaving: Leaving): Promise<Sent>
  /** Source: what became of it. Throws Failure when the target cannot be asked now. */
  ask(instance: WantedInstance, migration: WantedMigration): Promise<Standing>
  /** Source: ends what an agent that was killed left going on. */
  abort(instance_id: string): Promise<void>
  stop(): Promise<void>
}
