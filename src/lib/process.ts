/**
 * Small things about processes of this machine: run a program to its end, tell one process from another that
 * got the same number later, and wait until a process is gone.
 * Not its job: keeping a program running.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Environment for programs of the system: nothing of the caller's own leaks into daemons. */
export const plain_env: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
}

export type RunResult = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

export type RunOptions = {
  cwd?: string
  env?: Record<string, string>
  input?: string
  /** Killed with SIGKILL after this long; the result then has signal SIGKILL. */
  timeout_ms?: number
}

/** A program could not be started, or ended with another code than 0. The message holds the end of what it printed. */
export class ProgramError extends Error {
  readonly argv: readonly string[]
  readonly result: RunResult
  constructor(argv: readonly string[], result: RunResult) {
    const how = result.signal ? `was ended by ${result.signal}` : `ended with code ${result.code}`
    const said = lastLines(result.stderr || result.stdout, 8)
    super(`${argv[0]} ${how}${said ? `: ${said}` : ' and said nothing'}`)
    this.name = 'ProgramError'
    this.argv = argv
    this.result = result
  }
}

/** The last `count` lines that are not empty, joined; for error messages. */
export function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .map(line => line.trimEnd())
    .filter(line => line !== '')
    .slice(-count)
    .join('\n')
}

/** Runs a program to its end and gives what it printed. Rejects only if it cannot be started (ENOENT, EACCES, …). */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = argv
  if (program === undefined) throw new TypeError('run() needs a program')
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? { ...plain_env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.timeout_ms === undefined ? {} : { timeout: options.timeout_ms, killSignal: 'SIGKILL' }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    // A program that ends before it has read its input is judged by its exit code, not by the broken pipe.
    child.stdin?.on('error', () => undefined).end(options.input)
  })
}

/** Runs a program that must succeed and gives its standard output. Throws ProgramError. */
export async function runOk(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options)
  if (result.code !== 0) throw new ProgramError(argv, result)
  return result.stdout
}

/**
 * A process that can be told from every other one, also from a later one with the same number: the number together
 * with the time it started, in clock ticks since boot (proc_pid_stat(5), field 22).
 */
export type ProcessId = { pid: number; start_ticks: number }

/** The identity of a running process; undefined if there is none with this number, or only its zombie. */
export function identify(pid: number): ProcessId | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
  // The name in parentheses may itself hold spaces and parentheses: read from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // The first thread of a dying program is a zombie while others still hold its sockets and locks (field 20 counts them).
  if (fields[0] === 'X' || (fields[0] === 'Z' && Number(fields[17]) <= 1)) return undefined
  return { pid, start_ticks: Number(fields[19]) }
}

export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.start_ticks === id.start_ticks
}

/** Sends a signal unless the process is gone already or its number belongs to another one now. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false
  try {
    return process.kill(id.pid, signal)
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false
    throw error
  }
}

/**
 * Waits until a process that need not be our child is gone; false if it still runs after the time given.
 * Linux offers an event for this (pidfd) that Node does not reach, so this one place looks again every 20 ms.
 */
export async function waitGone(id: ProcessId, timeout_ms: number): Promise<boolean> {
  const deadline = performance.now() + timeout_ms
  while (isAlive(id)) {
    if (performance.now() >= deadline) return false
    await delay(20)
  }
  return true
}

/** Resolves when our own child has ended. */
export function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode })
  return new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
