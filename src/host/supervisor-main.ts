/**
 * The supervisor as a process: one for each run_dir, ever. Told what to do over a Unix socket that only its owner may open.
 *
 *   supervisor-main.ts --run-dir DIR --log-dir DIR
 *
 * One request a connection: a line of JSON, answered by a line of JSON. SIGTERM stops all services, then it ends.
 */
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { HostError } from './error.ts'
import { holdLock } from '../lib/lock.ts'
import { rotate } from './log-file.ts'
import type { Service } from './service.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

export type Request =
  | { ask: 'status' }
  | { ask: 'start'; service: Service }
  | { ask: 'stop' | 'restart'; name: string }
  | { ask: 'shutdown' }

export type Reply = { result: unknown } | { error: { message: string; mend?: string | undefined } }

function log(text: string): void {
  try {
    writeSync(1, `${new Date().toISOString()} ${text}\n`)
  } catch {
    // The log's disk is full. Services are looked after all the same.
  }
}

async function answer(supervisor: Supervisor, request: Request): Promise<unknown> {
  switch (request.ask) {
    case 'status':
      return supervisor.status()
    case 'start':
      return await supervisor.start(request.service)
    case 'stop':
      return await supervisor.stop(request.name)
    case 'restart':
      return await supervisor.restart(request.name)
    case 'shutdown':
      return await supervisor.stopAll()
    default:
      request satisfies never
      throw new HostError('the supervisor does not know this request: was Croft updated while it ran?')
  }
}

async function serve(connection: net.Socket, supervisor: Supervisor, shutDown: () => void): Promise<void> {
  // Who asked may be gone by the time of the answer; what was asked is done all the same.
  connection.on('error', () => undefined)
  for await (const line of createInterface({ input: connection })) {
    let reply: Reply
    let request: Request | undefined
    try {
      request = JSON.parse(line) as Request
      reply = { result: (await answer(supervisor, request)) ?? null }
    } catch (error) {
      const mend = error instanceof HostError ? error.mend : undefined
      reply = { error: { message: error instanceof Error ? error.message : String(error), mend } }
      log(`${request?.ask ?? 'a request'} failed: ${reply.error.message}`)
    }
    connection.end(`${JSON.stringify(reply)}\n`)
    if (request?.ask === 'shutdown') shutDown()
    return
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { 'run-dir': { type: 'string' }, 'log-dir': { type: 'string' } } })
  const run_dir = values['run-dir']
  const log_dir = values['log-dir']
  if (!run_dir || !log_dir) throw new TypeError('--run-dir and --log-dir are needed')
  mkdirSync(run_dir, { recursive: true, mode: 0o700 })
  const lock_file = path.join(run_dir, 'supervisor.lock')
  const pid_file = path.join(run_dir, 'supervisor.pid')
  let lock = await holdLock(lock_file)
  if (!lock) {
    // A supervisor that was just killed gives the lock back within milliseconds, and leaves its number. One that was told to
    // end takes that away: what it did not look after any more, nobody asked us to.
    log('another supervisor runs here: waiting in case it was killed')
    lock = await holdLock(lock_file, 3_000)
    if (lock && !existsSync(pid_file)) {
      lock.release()
      lock = undefined
    }
  }
  if (!lock) {
    log('another supervisor runs here, or just ended: leaving')
    return
  }
  const held = lock
  writeFileSync(pid_file, `${process.pid}\n`)
  const supervisor = createSupervisor({ run_dir, log_dir, log })
  const socket = path.join(run_dir, 'supervisor.sock')
  rmSync(socket, { force: true })
  const shutDown = () => {
    server.close()
    rmSync(socket, { force: true })
    rmSync(pid_file, { force: true })
    log('the supervisor ends')
    held.release()
    process.exit(0)
  }
  const server = net.createServer(connection => void serve(connection, supervisor, shutDown))
  // The folder is closed to others from the start; the mode of the socket itself is a second door.
  server.listen(socket, () => {
    chmodSync(socket, 0o600)
    log(`the supervisor runs as process ${process.pid}`)
  })
  const own_log = path.join(log_dir, 'supervisor.log')
  setInterval(() => {
    try {
      rotate(own_log)
    } catch (error) {
      log(`${own_log} cannot be turned over: ${String(error)}`)
    }
  }, 60_000).unref()
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      void supervisor.stopAll().then(shutDown, (error: unknown) => {
        log(String(error))
        process.exit(1)
      })
    })
  process.on('SIGHUP', () => undefined)
}

if (import.meta.main) await main()
