/** `croft` as a child process, as a person or a script runs it, with a home of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { scratch } from './scratch.ts'

const main = path.join(import.meta.dirname, '../../src/cli/main.ts')
export const cli_argv = [process.execPath, '--disable-warning=ExperimentalWarning', main] as const

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
  /** Of standard output; throws when that is not JSON. */
  json(): unknown
}

export interface Home extends AsyncDisposable {
  folder: string
  env: Record<string, string>
  run(...words: string[]): Promise<Ended>
  runWith(options: { input?: string; env?: Record<string, string> }, ...words: string[]): Promise<Ended>
  /** A command that goes on: its lines as they come. */
  start(...words: string[]): { child: ChildProcess; nextLine(): Promise<string>; ended: Promise<number | null> }
}

/** Nothing of the caller's own environment but PATH. */
export async function cliHome(env: Record<string, string> = {}): Promise<Home> {
  const folder = await scratch('croft-cli')
  const all = { PATH: process.env.PATH ?? '', HOME: folder, XDG_CONFIG_HOME: path.join(folder, 'config'), ...env }
  const [program, ...args] = cli_argv
  const open = (words: readonly string[], more: Record<string, string> = {}) =>
    spawn(program, [...args, ...words], { cwd: folder, env: { ...all, ...more } })
  const runWith: Home['runWith'] = (options, ...words) => {
    const child = open(words, options.env)
    child.stdin.end(options.input ?? '')
    return collect(child)
  }
  return {
    folder,
    env: all,
    run: (...words) => runWith({}, ...words),
    runWith,
    start(...words) {
      const child = open(words)
      child.stderr.resume()
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const ended = new Promise<number | null>(resolve => child.once('close', resolve))
      return {
        child,
        ended,
        async nextLine() {
          const { value, done } = await lines.next()
          if (done) throw new Error('the command has ended')
          return value
        },
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

export function collect(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) as unknown }))
  })
}
