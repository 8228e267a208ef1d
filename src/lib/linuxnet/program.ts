/**
 * Runs one of the system's network programs (ip, nft, ethtool, …) to its end with an argument vector, never a shell.
 * Not its job: long-running programs.
 */
import { spawn } from 'node:child_process'

const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' }
const timeout_ms = 30_000
const said_max = 1000

/** A program is missing, ended with another code than 0, or took too long. `stderr` is what it said. */
export class ProgramFailure extends Error {
  readonly argv: readonly string[]
  readonly code: number | null
  readonly stderr: string
  constructor(argv: readonly string[], code: number | null, stderr: string, options?: ErrorOptions) {
    const how = code === null ? `was ended after ${timeout_ms} ms` : `ended with code ${code}`
    super(`"${argv.join(' ')}" ${how}: ${stderr.trim().slice(-said_max) || 'it said nothing'}`, options)
    this.name = 'ProgramFailure'
    this.argv = argv
    this.code = code
    this.stderr = stderr
  }
}

/** Gives standard output. Throws ProgramFailure. `input`: text, or an open file. */
export function runProgram(argv: readonly string[], input: string | { readonly fd: number } = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const [program = '', ...args] = argv
  const stdin = typeof input === 'string' ? 'pipe' : input.fd
  const child = spawn(program, args, {
    env,
    stdio: [stdin, 'pipe', 'pipe'],
    timeout: timeout_ms,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.once('error', cause => {
    const missing = 'code' in cause && cause.code === 'ENOENT'
    reject(new ProgramFailure(argv, 127, missing ? `${program} is not installed` : cause.message, { cause }))
  })
  child.once('close', code => (code === 0 ? resolve(stdout) : reject(new ProgramFailure(argv, code, stderr))))
  // A program that ends before it has read its input is judged by its exit code, not by the broken pipe.
  if (typeof input === 'string') child.stdin?.on('error', () => undefined).end(input)
  return promise
}
