/**
 * Everything the agent touches outside itself, as narrow interfaces. Real ones are in drivers/; a simulation brings its own
 * and runs the very same reconcilers and link. Nothing here decides anything.
 */
import type { CpuVerdict, HostCpu } from '../protocol/host-cpu.ts'
import type { Duplex, Readable } from 'node:stream'
import type { GuestAnswer, GuestQuestion } from '../protocol/guest.ts'
import type { HostFacts } from '../protocol/host-facts.ts'
import type { SentMachine } from '../protocol/peer.ts'
import type { PasswordOutcome } from '../protocol/messages.ts'
import type { HostSample, InstanceSample } from '../protocol/samples.ts'
import type { WantedDisk, WantedHost, WantedInstance, WantedNetwork } from '../protocol/wanted.ts'

export * from './move-ports.ts'

export interface Random {
  /** 0 ≤ x < 1. */
  fraction(): number
}

/** As pino has it; only what the agent uses. */
export interface Log {
  debug(detail: object, text: string): void
  info(detail: object, text: string): void
  warn(detail: object, text: string): void
  error(detail: object, text: string): void
}

/** The part of the host is not there right now (its daemon restarts, its connection broke): wait for it, blame nobody. */
export class Away extends Error {}

/** Something an instance needs failed, in words for the person who owns it: what, why, what to do. */
export class Failure extends Error {
  /** true: likely to pass by itself (a controller that restarts), so it is only shown after several tries. */
  readonly passing: boolean
  /** true: another host may do better (no room, no such CPU model here). */
  readonly elsewhere: boolean
  constructor(text: string, options: { passing?: boolean; elsewhere?: boolean; cause?: unknown } = {}) {
    super(text, { cause: options.cause })
    this.passing = options.passing ?? false
    this.elsewhere = options.elsewhere ?? false
  }
}

export type OffReason = 'guest' | 'cut' | 'crashed' | 'failed' | 'migrated' | 'unknown'

/** What the hypervisor has under an id. */
export interface Domain {
  readonly id: string
  readonly name: string
  /** Made by Croft. Everything else is left alone. */
  readonly ours: boolean
  readonly power: 'running' | 'paused' | 'crashed' | 'off'
  /** Why it is off, as far as the hypervisor remembers; null while it is not off. */
  readonly off_reason: OffReason | null
  /** Why it is paused, in plain words, when nobody asked for that; null otherwise. */
  readonly paused_reason: string | null
  /** Paused in the middle of its start, when libvirt was killed: nobody asked for that either, and nothing forbids to go on. */
  readonly left_paused?: boolean
  /**
   * Where it is in a move. 'paused': at its switch-over. 'both': its memory is on both hosts, and the target runs it. 'broken': so it
   * was when one of them was lost. Absent: it is in none, or is still as it was.
   */
  readonly moving?: 'paused' | 'both' | 'broken'
}

/** A disk ready for use, as Storage made it. */
export interface PreparedDisk {
  readonly wanted: WantedDisk
  readonly path: string
  readonly format: 'qcow2' | 'raw'
  /** The file system takes O_DIRECT. */
  readonly direct_io: boolean
}

/** All that is needed to define a domain. */
export interface DomainSpec {
  readonly instance: WantedInstance
  readonly disks: readonly PreparedDisk[]
  readonly config_drive: string | null
  /** Null or absent: no CPU is anybody's own, and guests run on all. */
  readonly shared?: SharedCpus | null
}

/** CPUs of the host that are nobody's own, where guests without any of their own run. */
export interface SharedCpus {
  readonly all: readonly number[]
  /** Of each NUMA node. */
  readonly nodes: ReadonlyMap<number, readonly number[]>
}

export type HypervisorEvent =
  /** Something about this id changed: look again. */
  | { readonly kind: 'changed'; readonly id: string }
  /** A guest's watchdog fired; what libvirt does about it follows. */
  | { readonly kind: 'watchdog'; readonly id: string }
  /** A guest agent came or went: ask `guestAgent`. */
  | { readonly kind: 'guest'; readonly id: string }
  /** (Re)connected: everything may have changed. */
  | { readonly kind: 'connected' }
  | { readonly kind: 'lost' }

/** What a guest says of itself through its agent, bounded and checked: it may say anything. */
export interface GuestFacts {
  /** Sorted, without loopback and link-local ones. */
  readonly addresses: readonly string[]
  readonly os: string | null
}

/** Every method throws Away while the hypervisor's daemon does not answer, and Failure with its reason otherwise. */
export interface Hypervisor {
  /** What all of these have that guests can be given. Absent where guests are not given CPUs. */
  cpuBaseline?(cpus: readonly HostCpu[]): Promise<HostCpu>
  /** Whether this host has what a guest with such a CPU needs. */
  cpuCompare?(cpu: HostCpu): Promise<CpuVerdict>
  /** All domains, foreign ones too. */
  list(): Promise<Domain[]>
  look(id: string): Promise<Domain | null>
  /** Makes or replaces the definition; what runs goes on as it is. */
  define(spec: DomainSpec): Promise<void>
  /** Returns once the guest's CPUs run. */
  start(id: string): Promise<void>
  /** Presses the power button; whether the guest cares shows later. */
  askShutdown(id: string): Promise<void>
  /** Pulls the plug. Not an error when it is off. */
  cut(id: string): Promise<void>
  resume(id: string): Promise<void>
  /** Not an error when there is none. Never removes a disk. */
  undefine(id: string): Promise<void>
  /** The newest file that the guest's memory was dumped to since then, older ones of it being removed; null: none. */
  dumpOf?(id: string, since_ms: number): Promise<string | null>
  /** Console log, sockets: what the hypervisor keeps of an id beside its definition. */
  forget(id: string): Promise<void>
  /** Gives a running guest the vCPUs and memory that are wanted, as far as that is more than it has. */
  grow(instance: WantedInstance): Promise<void>
  /** Lets a running guest without CPUs of its own run on these. Not an error when it is off. */
  confine(instance: WantedInstance, shared: SharedCpus): Promise<void>
  subscribe(listener: (event: HypervisorEvent) => void): void
  /** The serial console, both ways. There is one at a time: another ends it. */
  openConsole(id: string): Promise<SerialStream>
  /**
   * The screen, keyboard and mouse: as RFB (RFC 6143) without authentication, each call a viewer of its own; or one connection of
   * SPICE, without a ticket.
   */
  openGraphics(id: string, kind: 'vnc' | 'spice'): Promise<Duplex>
  /**
   * The last `tail_bytes` of the kept console log, and with `follow` what the guest writes from then on, until that signal says
   * that it is off and will write no more.
   */
  readConsoleLog(id: string, tail_bytes: number, follow: AbortSignal | null): Promise<Readable>
  /** Whether an agent listens in the guest; false when the guest does not run. */
  guestAgent(id: string): Promise<boolean>
  /** Asks the agent in the guest. Takes seconds when the guest does not answer; never for ever. */
  guestFacts(id: string): Promise<GuestFacts>
  /** As guestFacts. Tells nobody the password, whatever happens. */
  setPassword(id: string, user: string, password: string): Promise<PasswordOutcome['outcome']>
  /** As guestFacts; with `gone`, nobody waits any more. What was begun in the guest goes on there all the same. */
  askGuest(id: string, question: GuestQuestion, gone: AbortSignal): Promise<GuestAnswer>
}

/** What the watchdog holds: on its own clock, when the guests with these ids are killed. */
export interface Armed {
  readonly deadline_ms: number
  readonly guarded: readonly string[]
}

export type WatchdogListener = (event: 'up' | 'down' | 'said') => void

/** Kills the guests that it guards when their deadline passes, whatever has become of the agent. */
export interface Watchdog {
  /** The clock of deadlines: never steps, and counts time asleep. */
  steady_ms(): number
  /** Whether it can be reached. */
  readonly up: boolean
  /** What it holds, as last heard. */
  readonly armed: Armed | null
  /** Holds this from now on in place of all before, once it resolves. Rejects when it cannot be reached. */
  arm(armed: Armed): Promise<void>
  /** When it killed the guest last, RFC 3339. */
  killedAt(id: string): string | null
  /** As it would, by oneself; those that were there. */
  kill(ids: readonly string[]): string[]
  subscribe(listener: WatchdogListener): void
}

export type ShowProgress = (step: string, percent: number) => void

export interface Storage {
  /**
   * Makes every disk that is not there yet; what is there stays as it is. Rejects soon when `signal` aborts, and with
   * Failure when one of the volumes in `made` is missing: an empty one in its place would hide that a file system is.
   */
  prepare(
    instance: WantedInstance,
    show: ShowProgress,
    signal: AbortSignal,
    made?: readonly string[],
  ): Promise<PreparedDisk[]>
  /** Not an error when they are gone. */
  remove(disks: readonly Pick<WantedDisk, 'volume_id' | 'role'>[]): Promise<void>
  /** Those of the volumes that are on this host. */
  present(volume_ids: readonly string[]): Promise<string[]>
  /**
   * Whether other hosts reach these disks, too, or may; each that does has left a sign of it. Without it nobody asks: then no guest waits for a
   * controller's word after a boot, and none of this host is started elsewhere but those that its watchdog guards.
   */
  isShared?(): Promise<boolean>
}

export interface GuestData {
  /** Builds the config drive; returns its path, or null when none is wanted. */
  prepare(instance: WantedInstance): Promise<string | null>
  /** As `prepare`, but what is there stays as it is: a guest has it open, or is about to. */
  prepared(instance: WantedInstance): Promise<string | null>
  remove(instance_id: string): Promise<void>
}

/** What a guest's machine remembers beside its disks: its firmware's variables, and what its TPM keeps. It lies where they do. */
export interface MachineState {
  /** Before its start here, with what it remembered wherever it ran last. */
  prepare(instance: WantedInstance): Promise<void>
  /** It is to come from another host: what was left of it here before is in nobody's way. */
  expect(instance: WantedInstance): Promise<void>
  /** It is here and nowhere else: what its TPM keeps goes to the pool, with `runs` as soon as it changes. Never rejects. */
  keep(instance: WantedInstance, runs: boolean): Promise<void>
  /** Of a guest that goes to another pool; what its TPM has goes with the memory of one that runs. */
  sent(instance: WantedInstance, kind: 'live' | 'cold'): Promise<SentMachine>
  arrived(instance: WantedInstance, sent: SentMachine): Promise<void>
  /** Nothing of it stays on this host; nor in its pool, unless that is `shared` with the host that has it now. */
  remove(instance_id: string, shared: boolean): Promise<void>
}

export interface Network {
  /**
   * Joins this host to the logical networks and makes each of them reach the metadata service; given all that is wanted,
   * whole, each time. Idempotent. `host` is null until a controller said how.
   */
  apply(host: WantedHost | null, networks: readonly WantedNetwork[]): Promise<void>
}

export interface StateChange {
  readonly name: string
  /** undefined removes. */
  readonly value: unknown
}

/** A folder of small JSON values that survive a power cut. */
export interface StateFolder {
  read(): Promise<Map<string, unknown>>
  /** Durable when it returns; each value changes as a whole or not at all. */
  write(changes: readonly StateChange[]): Promise<void>
}

export interface State {
  folder(name: 'wanted' | 'done' | 'networks' | 'agent' | 'moves' | 'heard'): StateFolder
}

export interface LinkConnection {
  send(text: string): void
  close(): void
}

export interface LinkHandlers {
  message(text: string): void
  /** Once, and nothing after it. */
  closed(reason: string): void
}

export interface LinkDialler {
  readonly urls: readonly string[]
  /** The controllers that there are now, as one of them says; `urls` are these from then on, with those joined as fallback. */
  learn?(link_urls: readonly string[]): Promise<void>
  /** Rejects when there is no connection to be had; the handlers are silent then. */
  dial(url: string, handlers: LinkHandlers): Promise<LinkConnection>
  /** A socket of its own for bulk data, to a URL that the controller named. */
  stream(url: string, token: string): Promise<BulkSocket>
}

export interface SerialStream extends Duplex {
  /** Resolves when all that was written until now is on its way into the guest; rejects when the stream has ended. */
  taken?(): Promise<unknown>
}

export interface BulkSocket extends Duplex {
  /** A word to the controller beside the bytes, at most 125 bytes of it; a controller of before does not hear it. */
  tell?(word: string): void
}

export interface FactSource {
  read(): Promise<HostFacts>
}

/** What there is to measure now; counters as they stand. Either half throws what its source throws. */
export interface SampleSource {
  instances(): Promise<InstanceSample[]>
  host(): Promise<HostSample>
  /** A clock that does not jump. */
  taken_ms(): number
}
