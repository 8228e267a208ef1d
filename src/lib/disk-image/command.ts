/**
 * Runs one program to its end, with limits: time, output, and through prlimit(1) memory, CPU and file size. For tools
 * that read what strangers made (qemu-img) and for tools that build. Not its job: daemons, pipelines, shells.
 */
import { spawn } from 'node:child_process'

export interface CommandOptions {
  cwd?: string
  /** Added to a minimal environment (PATH and the C locale); nothing of the caller's own is passed on. */
  environment?: Readonly<Record<string, string>>
  timeout_ms?: number
  /** Of standard output and standard error each; more is an error. */
  max_output_bytes?: number
  limits?: { memory_bytes?: number; cpu_seconds?: number; file_bytes?: number }
  signal?: AbortSignal
  /** Called with each piece of standard output, for progress. */
  on_output?: (text: string) => void
  input?: string
}

export interface CommandOutput {
  stdout: string
  stderr: string
}

export type CommandFailure = 'not_installed' | 'timeout' | 'output_too_large' | 'failed' | 'killed'

/** `message` says which program failed, how, and its last words. */
export class CommandError extends Error {
  readonly failure: CommandFailure
  readonly exit_code: number | null
  readonly stdout: string
  readonly stderr: string

  constructor(
    failure: CommandFailure,
    message: string,
    detail: { exit_code?: number | null; stdout?: string; stderr?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: detail.cause })
    this.name = 'CommandError'
    this.failure = failure
    this.exit_code = detail.exit_code ?? null
    this.stdout = detail.stdout ?? ''
    this.stderr = detail.stderr ?? ''
  }
}

const basicEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

/** Resolves with the output on exit status 0; else rejects with a CommandError, or the signal's reason when aborted. */
export function runCommand(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<CommandOutput> {
  const { signal } = options
  signal?.throwIfAborted()
  const [program, ...rest] = [...limiter(options.limits), ...argv]
  const name = argv[0]
  return new Promise((resolve, reject) => {
    const child = spawn(program ?? name, rest, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...basicEnvironment, ...options.environment },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stop: 'timeout' | 'output_too_large' | 'aborted' | undefined
    const kill = (why: NonNullable<typeof stop>): void => {
      stop ??= why
      child.kill('SIGKILL')
    }
    const output = { stdout: '', stderr: '' }
    const limit = options.max_output_bytes ?? 16 * 1024 * 1024
    for (const which of ['stdout', 'stderr'] as const) {
      child[which]?.setEncoding('utf8').on('data', (text: string) => {
        if (output[which].length + text.length > limit) return kill('output_too_large')
        output[which] += text
        if (which === 'stdout') options.on_output?.(text)
      })
    }
    const timer = options.timeout_ms === undefined ? undefined : setTimeout(kill, options.timeout_ms, 'timeout')
    const abort = (): void => kill('aborted')
    signal?.addEventListener('abort', abort, { once: true })
    // A program that ends without reading all of its input is judged by its exit status, not by the broken pipe.
    child.stdin?.on('error', () => {}).end(options.input)

    const settle = (act: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      act()
    }
    child.on('error', cause => settle(() => reject(startError(name, cause))))
    child.on('close', (exit_code, killed_by) =>
      settle(() => {
        if (stop === 'aborted') return reject(signal?.reason)
        if (stop === 'timeout') {
          return reject(new CommandError('timeout', `${name} took longer than ${options.timeout_ms} ms.`, output))
        }
        if (stop === 'output_too_large') {
          return reject(new CommandError('output_too_large', `${name} wrote more than ${limit} bytes.`))
        }
        if (exit_code === 0) return resolve(output)
        const end = killed_by ? `was killed by ${killed_by}` : `ended with status ${exit_code}`
        const words = lastWords(output.stderr || output.stdout)
        const failure = killed_by ? 'killed' : 'failed'
        reject(new CommandError(failure, `${name} ${end}${words && `: ${words}`}`, { exit_code, ...output }))
      }),
    )
  })
}

function limiter(limits: CommandOptions['limits']): string[] {
  if (!limits) return []
  const argv = ['prlimit', '--core=0']
  if (limits.memory_bytes !== undefined) argv.push(`--as=${limits.memory_bytes}`)
  if (limits.cpu_seconds !== undefined) argv.push(`--cpu=${limits.cpu_seconds}`)
  if (limits.file_bytes !== undefined) argv.push(`--fsize=${limits.file_bytes}`)
  return [...argv, '--']
}

function startError(name: string, cause: Error & { code?: string }): CommandError {
  return cause.code === 'ENOENT'
    ? new CommandError(
        'not_installed',
        `${name} (or prlimit, which limits it) is not installed, or the folder to run it in is gone.`,
        { cause },
      )
    : new CommandError('failed', `${name} could not be started: ${cause.message}`, { cause })
}

function lastWords(text: string): string {
  return text.trim().split('\n').slice(-3).join(' / ').slice(-600)
}
