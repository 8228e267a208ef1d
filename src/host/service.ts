/**
 * A service as a value: what to run, how to know that it works, how to end it. Plain data, so that the same value can be
 * handed to the supervisor, kept on its disk, compared with what runs, and written as a systemd unit.
 * Not its job: running anything (supervisor.ts, systemd.ts).
 */

/** How to know that a started service can be used. */
export type ReadyCheck =
  /** As soon as it runs. */
  | { kind: 'started' }
  /** Somebody accepts connections on this Unix socket. */
  | { kind: 'socket'; path: string }
  | { kind: 'tcp'; address: string; port: number }
  /** The embedded PostgreSQL takes queries, and its database exists. */
  | { kind: 'postgres'; data_dir: string; socket_dir: string; port: number; database: string }

export type Service = {
  /** Letters, digits and hyphens; names files and units. */
  name: string
  /** What it is for, in a few words, for people. */
  description: string
  /** The program stays in the foreground: whoever starts it is told by the kernel when it ends. */
  argv: readonly string[]
  env: Readonly<Record<string, string>>
  cwd: string
  ready: ReadyCheck
  ready_timeout_ms: number
  stop_signal: NodeJS.Signals
  /** After this long SIGKILL follows. */
  stop_timeout_ms: number
  /** A service that ended unasked is started again after first_ms, doubling up to max_ms. */
  restart: { first_ms: number; max_ms: number }
  /** Processes that it started go on when it stops: guests when libvirtd restarts. */
  keeps_children: boolean
  /** Debian's own unit for it: used, in place of one of ours, where systemd runs. */
  debian_unit?: string
  /** Units of systemd that start before it at a boot and, what matters more, stop after it at a shutdown. */
  after?: readonly string[]
}

type Given = Pick<Service, 'name' | 'description' | 'argv'> & Partial<Service>

/** A service with the usual manners where nothing else is said. */
export function service(given: Given): Service {
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(given.name)) throw new TypeError(`"${given.name}" cannot name a service`)
  return {
    env: {},
    cwd: '/',
    ready: { kind: 'started' },
    ready_timeout_ms: 60_000,
    stop_signal: 'SIGTERM',
    stop_timeout_ms: 15_000,
    restart: { first_ms: 200, max_ms: 10_000 },
    keeps_children: false,
    ...given,
  }
}

export type ServiceState =
  | 'stopped'
  | 'starting'
  | 'running'
  | 'stopping'
  /** It ended unasked and will be started again. */
  | 'waiting'

export type ServiceStatus = {
  name: string
  description: string
  state: ServiceState
  pid: number | null
  /** Unasked ends since it was last asked to start. */
  restarts: number
  /** How it last ended, in words; null if it never did. */
  last_end: string | null
  log_file: string
}

/** Runs services: the supervisor, or systemd. */
export interface ServiceManager {
  readonly kind: 'supervisor' | 'systemd'
  /**
   * Resolves when the service is ready. One that runs already as asked is left alone; one that runs with another
   * definition is restarted. Throws HostError with the end of its log.
   */
  start(service: Service): Promise<ServiceStatus>
  /** Resolves when it has ended; not an error if it does not run or is not known. */
  stop(name: string): Promise<void>
  restart(name: string): Promise<ServiceStatus>
  /** In the order in which they were first started. */
  status(): Promise<ServiceStatus[]>
  /** The end of its log, for people. */
  said(name: string): Promise<string>
}
