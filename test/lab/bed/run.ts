/**
 * Running a program to its end and keeping what it said. Argument vectors only, never a shell line.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

export type RunOptions = {
  /** Given on standard input. */
  readonly input?: string | Buffer
  /** Killed after this long; the answer then has code 124. Default 60,000. */
  readonly timeout_ms?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export type Outcome = { readonly stdout: string; readonly stderr: string; readonly code: number }

/** A small, fixed environment: what a test sees must not depend on the shell that started it. */
export const plain_env: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/root',
}

/** Runs `argv`; never throws for an exit code. A signal's code is 128 + 15, as a shell would say of any. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [program, ...args] = argv
  if (program === undefined) throw new Error('run: nothing to run')
  const env = { ...plain_env, ...options.env }
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'], ...(options.cwd && { cwd: options.cwd }) })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A program may end without reading its input; that is its business.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  let late = false
  const timer = setTimeout(() => {
    late = true
    signalInner(child, 'SIGKILL')
    child.kill('SIGKILL')
    // Grandchildren may hold the pipes open: do not wait for them.
    child.stdout.destroy()
    child.stderr.destroy()
  }, options.timeout_ms ?? 60_000)
  try {
    const code = await ended(child)
    const text = Buffer.concat(stderr).toString()
    if (!late) return { stdout: Buffer.concat(stdout).toString(), stderr: text, code }
    const note = `${text}\n[killed after ${options.timeout_ms ?? 60_000} ms]`
    return { stdout: Buffer.concat(stdout).toString(), stderr: note, code: 124 }
  } finally {
    clearTimeout(timer)
  }
}

/** As `run`, and throws with the program's own words unless it ends with 0. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { stdout, stderr, code } = await run(argv, options)
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr.trim() || stdout.trim()}`)
  return stdout
}

/**
 * Signals the program that `child` runs. nsenter stays outside of a process namespace as the parent of what it runs
 * inside and passes no signal on, so it is its child that has to be told.
 */
export function signalInner(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const inner = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0]
  if (child.spawnfile !== 'nsenter' || !inner) child.kill(signal)
  else process.kill(Number(inner), signal)
}

function ended(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', reject)
  child.once('close', (code, signal) => resolve(code ?? (signal ? 143 : 1)))
  return promise
}
