/**
 * A signed-in connection to libvirtd with its driver open: the calls by subject, and the events. Not its job: connecting
 * again when the connection ends (ReconnectingLibvirt).
 */
import { EventEmitter } from 'node:events'
import { DeviceCalls } from './devices.ts'
import { DomainCalls, nothing } from './domains.ts'
import { ConnectionError } from './errors.ts'
import { type DomainEvent, type EventKind, eventId, readEvent } from './events.ts'
import type { Frame } from './frames.ts'
import { GuestCalls } from './guest.ts'
import { HostCalls } from './host.ts'
import { runListeners } from './listeners.ts'
import { MigrationCalls } from './migration.ts'
import { feature, remote } from './procedures.ts'
import { type DomainTarget, writeDomain } from './refs.ts'
import { Rpc, type RpcOptions } from './rpc.ts'
import { VolumeCalls } from './volumes.ts'

export interface ConnectOptions extends RpcOptions {
  /** The driver to open. */
  uri?: string | undefined
  /** Pings after so much silence; 0 for none, neither ours nor the daemon's. */
  keepalive_interval_ms?: number | undefined
  /** Pings in a row without an answer before the daemon counts as dead. */
  keepalive_missed_max?: number | undefined
}

export const DEFAULT_SOCKET = '/run/libvirt/libvirt-sock'
export const DEFAULT_URI = 'qemu:///system'

type Events = { event: [event: DomainEvent]; close: [why: ConnectionError] }

/** 'event': what was subscribed to. 'close': once, when the connection has ended, with the reason. */
export class Libvirt extends EventEmitter<Events> {
  readonly domains: DomainCalls
  readonly devices: DeviceCalls
  readonly guest: GuestCalls
  readonly host: HostCalls
  readonly migration: MigrationCalls
  readonly volumes: VolumeCalls
  readonly #rpc: Rpc

  private constructor(rpc: Rpc) {
    super()
    this.#rpc = rpc
    this.domains = new DomainCalls(rpc)
    this.devices = new DeviceCalls(rpc)
    this.guest = new GuestCalls(rpc)
    this.host = new HostCalls(rpc)
    this.migration = new MigrationCalls(rpc)
    this.volumes = new VolumeCalls(rpc)
    rpc.on('message', frame => this.#message(frame))
    rpc.on('close', why => this.emit('close', why))
  }

  /**
   * Connects, signs in and opens the driver. Fails with a ConnectionError ('unreachable', 'auth'), or with a LibvirtError
   * when the daemon has no such driver.
   */
  static async connect(options: Partial<ConnectOptions> = {}): Promise<Libvirt> {
    const { path = DEFAULT_SOCKET, uri = DEFAULT_URI } = options
    const { keepalive_interval_ms = 5_000, keepalive_missed_max = 5 } = options
    const timeout_ms = options.connect_timeout_ms ?? 10_000
    const rpc = await Rpc.connect({ ...options, path })
    try {
      await signIn(rpc, path, timeout_ms)
      if (keepalive_interval_ms > 0) await startKeepalive(rpc, keepalive_interval_ms, keepalive_missed_max, timeout_ms)
      // The first connection after a start waits until libvirtd has probed its emulators.
      const open_timeout_ms = options.call_timeout_ms ?? 60_000
      const encode = (writer: Parameters<typeof writeDomain>[0]) => writer.optionalString(uri).u32(0)
      await rpc.call(remote.connect_open, encode, nothing, { timeout_ms: open_timeout_ms })
    } catch (error) {
      rpc.close()
      throw error
    }
    return new Libvirt(rpc)
  }

  /** Why the connection has ended, or null while it is open. */
  get closed(): ConnectionError | null {
    return this.#rpc.closed
  }

  /**
   * virConnectDomainEventRegisterAny: from now on, 'event' tells of `kind`, for one domain or for all. Answers with the
   * callback's id, which the events carry, too. Registering the same kind twice makes every event come twice.
   */
  subscribe(kind: EventKind, domain: DomainTarget | null = null): Promise<number> {
    return this.#rpc.call(
      remote.connect_domain_event_callback_register_any,
      writer => writer.i32(eventId(kind)).optional(domain, target => writeDomain(writer, target)),
      body => body.i32(),
    )
  }

  /** virConnectDomainEventDeregisterAny. Events already on their way may still come. */
  unsubscribe(callback_id: number): Promise<void> {
    return this.#rpc.call(
      remote.connect_domain_event_callback_deregister_any,
      writer => writer.i32(callback_id),
      nothing,
    )
  }

  /** Says goodbye and closes. Calls under way fail with a ConnectionError ('closed'). Never fails, and may be repeated. */
  async close(): Promise<void> {
    // The daemon cleans up just the same when the socket closes, but then reports an error to its log. So a goodbye that
    // fails changes nothing, and one that could not be answered is left out.
    if (!this.#rpc.closed && !this.#rpc.held) {
      await this.#rpc.call(remote.connect_close, null, nothing, { timeout_ms: 1_000 }).catch(() => undefined)
    }
    this.#rpc.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #message(frame: Frame): void {
    const event = readEvent(frame)
    if (event) runListeners(() => this.emit('event', event))
  }
}

async function signIn(rpc: Rpc, path: string, timeout_ms: number): Promise<void> {
  const NONE = 0
  const names: Record<number, string> = { 1: 'SASL', 2: 'polkit' }
  const types = await rpc.call(remote.auth_list, null, body => body.array(20, () => body.i32()), { timeout_ms })
  if (types.length === 0 || types.includes(NONE)) return
  const wanted = types.map(type => names[type] ?? `type ${type}`).join(' or ')
  throw new ConnectionError(
    'auth',
    `libvirtd at ${path} asks for sign-in by ${wanted}, which this client does not do; ` +
      `connect as root, or set auth_unix_rw = "none" in libvirtd.conf`,
  )
}

/** Asking about the feature is also what makes the daemon send its own pings. Must come before the driver is opened. */
async function startKeepalive(rpc: Rpc, interval_ms: number, missed_max: number, timeout_ms: number): Promise<void> {
  const supported = await rpc.call(
    remote.connect_supports_feature,
    writer => writer.i32(feature.program_keepalive),
    body => body.i32() !== 0,
    { timeout_ms },
  )
  if (supported) rpc.startKeepalive(interval_ms, missed_max)
}
