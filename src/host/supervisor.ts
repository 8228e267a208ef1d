/**
 * Runs services as children where there is no systemd: starts, stops, restarts with back-off, keeps on disk what runs, and
 * after its own death takes over what is still there.
 * Not its job: being a process of its own (supervisor-main.ts), and what the services are (services/), and how they are
 * kept (kept-services.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { HostError } from './error.ts'
import { bootId, forgetService, keepService, readKept, servicesFolder, stillRuns } from './kept-services.ts'
import { logSize, openLog, plainLog, readTail, rotate } from './log-file.ts'
import {
  ended,
  identify,
  isAlive,
  isErrno,
  lastLines,
  type ProcessId,
  signalProcess,
  waitGone,
} from '../lib/process.ts'
import { untilReady } from './ready.ts'
import type { Service, ServiceState, ServiceStatus } from './service.ts'

export type SupervisorOptions = {
  run_dir: string
  log_dir: string
  log: (text: string) => void
}

/** A service that stayed up this long starts its back-off anew. */
const steady_ms = 30_000
const rotate_every_ms = 60_000
/** An adopted process is nobody's child here, so its end is looked for. */
const adopted_check_ms = 250

export type Supervisor = {
  start(service: Service): Promise<ServiceStatus>
  stop(name: string): Promise<void>
  restart(name: string): Promise<ServiceStatus>
  status(): ServiceStatus[]
  /** Stops all, the last started first. */
  stopAll(): Promise<void>
}

/** One service under care. All changes to it go through `queue`, one after the other. */
class Charge {
  service: Service
  readonly order: number
  state: ServiceState = 'stopped'
  process: ProcessId | null = null
  restarts = 0
  last_end: string | null = null
  readonly #options: SupervisorOptions
  #queue: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #back_off_ms = 0
  #log_from = 0
  #gone = new AbortController()

  constructor(service: Service, order: number, options: SupervisorOptions) {
    this.service = service
    this.order = order
    this.#options = options
  }

  get log_file(): string {
    return path.join(this.#options.log_dir, `${this.service.name}.log`)
  }

  get status(): ServiceStatus {
    const { state, restarts, last_end, log_file } = this
    const { name, description } = this.service
    return { name, description, state, restarts, last_end, log_file, pid: this.process?.pid ?? null }
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  /** Takes over a process that an earlier supervisor started. */
  adopt(id: ProcessId): void {
    this.#running(id)
    this.state = 'running'
    const look = () => {
      if (this.process !== id) return
      if (!isAlive(id)) this.#ended(id, 'ended')
      else setTimeout(look, adopted_check_ms)
    }
    look()
  }

  async start(wanted: Service): Promise<ServiceStatus> {
    const same = JSON.stringify(wanted) === JSON.stringify(this.service)
    if (this.process && same && this.state === 'running') return this.status
    if (this.process) await this.stop()
    this.service = wanted
    this.#back_off_ms = 0
    this.restarts = 0
    await this.#launch()
    return this.status
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    const id = this.process
    this.state = id ? 'stopping' : 'stopped'
    if (id) {
      const { name, stop_signal, stop_timeout_ms, keeps_children } = this.service
      signalProcess(id, stop_signal)
      if (!(await waitGone(id, stop_timeout_ms))) {
        this.#options.log(`${name} did not end within ${stop_timeout_ms} ms of ${stop_signal}: SIGKILL`)
        signalProcess(id, 'SIGKILL')
        if (!(await waitGone(id, 5_000))) throw new HostError(`${name} (process ${id.pid}) cannot be ended`)
      }
      if (!keeps_children) killGroup(id.pid)
    }
    this.process = null
    this.state = 'stopped'
    this.keep()
  }

  keep(): void {
    const { run_dir } = this.#options
    const { order, service, process } = this
    try {
      if (this.state === 'stopped') forgetService(run_dir, service.name)
      else keepService(run_dir, { order, service, process, boot_id: bootId() })
    } catch (error) {
      // One that dies of a full disk looks after nothing any more; to know less after its own death is the lesser harm.
      this.#options.log(`${service.name} cannot be kept in ${run_dir}: ${String(error)}`)
    }
  }

  #running(id: ProcessId): void {
    this.process = id
    this.#gone = new AbortController()
  }

  /** Starts the process and waits until it is ready. If it is not, it is stopped and the end of its log thrown. */
  async #launch(): Promise<void> {
    this.state = 'starting'
    const { name, ready, ready_timeout_ms } = this.service
    try {
      this.#spawn()
      const timeout = AbortSignal.timeout(ready_timeout_ms)
      await untilReady(ready, AbortSignal.any([this.#gone.signal, timeout])).catch((error: unknown) => {
        if (timeout.aborted) throw new HostError(`was not ready within ${ready_timeout_ms} ms`)
        throw this.#gone.signal.aborted ? this.#gone.signal.reason : error
      })
      if (this.#gone.signal.aborted) throw this.#gone.signal.reason
      this.state = 'running'
      this.keep()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      await this.stop()
      this.last_end = why
      const said = lastLines(plainLog(readTail(this.log_file, this.#log_from)), 8)
      throw new HostError(`${name} ${why}${said ? `; it said:\n${said}` : ''}`, `All that it said: ${this.log_file}`, {
        cause: error,
      })
    }
  }

  #spawn(): void {
    const { name, argv, env, cwd } = this.service
    const [program = '', ...args] = argv
    rotate(this.log_file)
    this.#log_from = logSize(this.log_file)
    const output = openLog(this.log_file)
    let child: ChildProcess
    try {
      // Its own session: what ends the supervisor's (a terminal that closes) does not reach it.
      child = spawn(program, args, { cwd, env: { ...env }, stdio: ['ignore', output, output], detached: true })
    } finally {
      closeSync(output)
    }
    if (child.pid === undefined) {
      child.once('error', error => this.#options.log(`${name}: ${error.message}`))
      throw new HostError(`cannot be started: ${program} is missing or may not be run`)
    }
    // A child cannot be forgotten by the kernel before we have waited for it: its identity is there to be read.
    const id = identify(child.pid) ?? { pid: child.pid, start_ticks: 0 }
    this.#running(id)
    this.keep()
    void ended(child).then(({ code, signal }) =>
      this.#ended(id, signal ? `was ended by ${signal}` : `ended with code ${code}`),
    )
  }

  #ended(id: ProcessId, how: string): void {
    if (this.process !== id) return
    this.last_end = how
    this.#gone.abort(new HostError(how))
    // While it is being started or stopped, whoever does that sees to the rest.
    if (this.state !== 'running') return
    this.process = null
    this.#scheduleRestart(id, how)
  }

  #scheduleRestart(id: ProcessId | null, how: string): void {
    const { name, restart } = this.service
    if (id && uptime_ms(id) > steady_ms) this.#back_off_ms = 0
    this.#back_off_ms = Math.min(restart.max_ms, Math.max(restart.first_ms, this.#back_off_ms * 2))
    this.restarts++
    this.state = 'waiting'
    this.keep()
    this.#options.log(`${name} ${how}; starting it again in ${this.#back_off_ms} ms`)
    this.#timer = setTimeout(() => void this.inTurn(() => this.relaunch()), this.#back_off_ms)
  }

  /** The timed restart: unlike one that was asked for, a failure leads to the next try. */
  async relaunch(): Promise<void> {
    if (this.state !== 'waiting') return
    try {
      await this.#launch()
    } catch (error) {
      this.#scheduleRestart(null, error instanceof Error ? error.message : String(error))
    }
  }

  /** For a service that should run but whose process did not outlive the supervisor. */
  revive(): void {
    this.#scheduleRestart(null, 'ended while nobody watched')
  }
}

/** What a service left behind of its own process group, of which it was the leader. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

/** Ticks of /proc/PID/stat are 1/100 s on every Linux that Croft runs on (sysconf(3), _SC_CLK_TCK). */
function uptime_ms(id: ProcessId): number {
  const since_boot_s = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  return since_boot_s * 1000 - id.start_ticks * 10
}

/** Takes over what an earlier supervisor on the same run_dir left. The caller holds the lock on run_dir. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  mkdirSync(servicesFolder(options.run_dir), { recursive: true, mode: 0o700 })
  mkdirSync(options.log_dir, { recursive: true })
  const charges = new Map<string, Charge>()
  let next_order = 0
  for (const kept of readKept(options.run_dir, options.log)) {
    const charge = new Charge(kept.service, kept.order, options)
    charges.set(kept.service.name, charge)
    next_order = Math.max(next_order, kept.order + 1)
    if (kept.process && stillRuns(kept)) {
      options.log(`${kept.service.name} still runs as process ${kept.process.pid}: taken over`)
      charge.adopt(kept.process)
    } else charge.revive()
  }
  setInterval(() => {
    for (const { log_file } of charges.values()) {
      try {
        rotate(log_file)
      } catch (error) {
        options.log(`${log_file} cannot be turned over: ${String(error)}`)
      }
    }
  }, rotate_every_ms).unref()

  const inOrder = () => [...charges.values()].sort((a, b) => a.order - b.order)
  const known = (name: string): Charge => {
    const charge = charges.get(name)
    if (!charge) throw new HostError(`there is no service ${name}`)
    return charge
  }
  return {
    start(service) {
      const charge = charges.get(service.name) ?? new Charge(service, next_order++, options)
      charges.set(service.name, charge)
      return charge.inTurn(() => charge.start(service))
    },
    async stop(name) {
      const charge = charges.get(name)
      await charge?.inTurn(() => charge.stop())
    },
    restart(name) {
      const charge = known(name)
      return charge.inTurn(async () => {
        await charge.stop()
        return await charge.start(charge.service)
      })
    },
    status: () => inOrder().map(charge => charge.status),
    async stopAll() {
      for (const charge of inOrder().reverse()) await charge.inTurn(() => charge.stop())
    },
  }
}
