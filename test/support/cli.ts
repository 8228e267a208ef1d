/** `croft` as a person or a script runs it, with a home of its own: a process each, or one after the other in one (cli-served.ts). */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Answered, Asked } from './cli-served.ts'
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
  /** With `input`, even if it is empty, as a process of its own. */
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
  const servers = createServers(folder)
  const runWith: Home['runWith'] = ({ input, env }, ...words) => {
    if (input === undefined) return servers.run({ words, env: { ...all, ...env }, folder })
    const child = open(words, env)
    child.stdin.end(input)
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
    async [Symbol.asyncDispose]() {
      await servers.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Processes that run commands: as many as there are commands at once. */
function createServers(folder: string) {
  type Server = { child: ChildProcess; ended: Promise<Ended> }
  const idle: Server[] = []
  const all: Server[] = []
  function begin(): Server {
    const child = fork(path.join(import.meta.dirname, 'cli-served.ts'), {
      cwd: folder,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const server = { child, ended: collect(child) }
    all.push(server)
    return server
  }
  return {
    async run(asked: Asked): Promise<Ended> {
      const server = idle.pop() ?? begin()
      const answered = once(server.child, 'message').then(([said]) => withJson(said as Answered))
      server.child.send(asked)
      // One that ends on its way has told why on streams of its own.
      const ended = await Promise.race([answered, server.ended])
      if (server.child.connected) idle.push(server)
      return ended
    },
    async close(): Promise<void> {
      for (const { child } of all) child.kill()
      await Promise.all(all.map(({ ended }) => ended))
    },
  }
}

export function collect(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve(withJson({ code, stdout, stderr })))
  })
}

function withJson(ended: Omit<Ended, 'json'>): Ended {
  return { ...ended, json: () => JSON.parse(ended.stdout) as unknown }
}
