/**
 * Talks to the supervisor, and starts it if none runs.
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { HostError } from './error.ts'
import { readKept, stillRuns } from './kept-services.ts'
import { openLog, plainLog, readTail } from './log-file.ts'
import { isErrno, lastLines, plain_env } from '../lib/process.ts'
import { untilReady } from './ready.ts'
import type { Service, ServiceManager, ServiceStatus } from './service.ts'
import type { Reply, Request } from './supervisor-main.ts'

export type SupervisorPlace = { run_dir: string; log_dir: string }

export type SupervisorClient = ServiceManager & {
  readonly kind: 'supervisor'
  /** Stops all services, then the supervisor. Not an error if none runs. */
  shutDown(): Promise<void>
}

const socketOf = (place: SupervisorPlace) => path.join(place.run_dir, 'supervisor.sock')

/** undefined if no supervisor runs. Throws HostError if it refuses. */
async function ask(place: SupervisorPlace, request: Request): Promise<{ result: unknown } | undefined> {
  const connection = net.connect(socketOf(place))
  let line: string
  try {
    // Not end(): a supervisor that ends in the middle is told from one that answers by what it said.
    connection.write(`${JSON.stringify(request)}\n`)
    line = await text(connection)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ECONNREFUSED')) return undefined
    throw error
  }
  if (line === '') throw new HostError('the supervisor ended before it answered', 'Run `croft up` again.')
  const reply = JSON.parse(line) as Reply
  if ('error' in reply) throw new HostError(reply.error.message, reply.error.mend)
  return reply
}

/** Starts a supervisor in a session of its own, unless one runs. Resolves when it takes requests. */
export async function ensureSupervisor(place: SupervisorPlace): Promise<void> {
  if (await ask(place, { ask: 'status' })) return
  mkdirSync(place.log_dir, { recursive: true })
  const log_file = path.join(place.log_dir, 'supervisor.log')
  const output = openLog(log_file)
  const program = path.join(import.meta.dirname, 'supervisor-main.ts')
  // Not this process's own flags: it may be a test or a debugger.
  const argv = [
    '--disable-warning=ExperimentalWarning',
    program,
    '--run-dir',
    place.run_dir,
    '--log-dir',
    place.log_dir,
  ]
  const child = spawn(process.execPath, argv, {
    cwd: '/',
    env: { ...plain_env },
    stdio: ['ignore', output, output],
    detached: true,
  })
  closeSync(output)
  const gone = new AbortController()
  child.once('error', error => gone.abort(error))
  child.once('exit', code => gone.abort(new HostError(`ended with code ${code}`)))
  const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(20_000)])
  try {
    await untilReady({ kind: 'socket', path: socketOf(place) }, signal)
  } catch (error) {
    // Two were started at once and the other one won.
    if (child.exitCode === 0 && (await ask(place, { ask: 'status' }))) return
    throw new HostError(`the supervisor does not start: ${lastLines(readTail(log_file), 5)}`, `Its log: ${log_file}`, {
      cause: error,
    })
  } finally {
    child.unref()
  }
}

/** What a dead supervisor left behind, as the next one will find it: its services run on without it. */
function leftBehind({ run_dir, log_dir }: SupervisorPlace): ServiceStatus[] {
  const ignore = () => undefined
  return readKept(run_dir, ignore).map(kept => {
    const { name, description } = kept.service
    const runs = stillRuns(kept)
    const pid = runs ? (kept.process?.pid ?? null) : null
    const log_file = path.join(log_dir, `${name}.log`)
    return { name, description, state: runs ? 'running' : 'stopped', pid, restarts: 0, last_end: null, log_file }
  })
}

export function supervisorClient(place: SupervisorPlace): SupervisorClient {
  const must = async (request: Request) => {
    let reply = await ask(place, request)
    if (!reply) {
      await ensureSupervisor(place)
      reply = await ask(place, request)
    }
    if (!reply) throw new HostError('the supervisor ended as soon as it had started')
    return reply.result
  }
  return {
    kind: 'supervisor',
    start: async (service: Service) => (await must({ ask: 'start', service })) as ServiceStatus,
    stop: async name => void (await ask(place, { ask: 'stop', name })),
    restart: async name => (await must({ ask: 'restart', name })) as ServiceStatus,
    async status() {
      const reply = await ask(place, { ask: 'status' })
      return reply ? (reply.result as ServiceStatus[]) : leftBehind(place)
    },
    said: name => Promise.resolve(lastLines(plainLog(readTail(path.join(place.log_dir, `${name}.log`))), 16)),
    async shutDown() {
      if (await ask(place, { ask: 'shutdown' })) return
      // The supervisor is dead but what it ran may live: a new one takes it over, and ends it.
      if (leftBehind(place).length === 0) return
      await ensureSupervisor(place)
      await ask(place, { ask: 'shutdown' })
    },
  }
}
