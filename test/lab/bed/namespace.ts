/**
 * A process that holds namespaces open, and ways in: run a program inside, connect to its TCP ports.
 * A whole host (host.ts) and the fabric between hosts (fabric.ts) are both one of these.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { NamespaceDialer } from '../../../src/lib/netns/sockets.ts'
import { must, type Outcome, plain_env, type RunOptions, run, signalInner } from './run.ts'

export const checkout = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

export type Answer = {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

export type FetchOptions = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeout_ms?: number
}

/** A program left running inside: its output goes to `log`. */
export type Running = {
  readonly log: string
  /** Resolves with the exit code (143 when a signal ended it). */
  readonly exit: Promise<number>
  kill(signal?: NodeJS.Signals): void
  /** Waits until its output matches; answers all of it. Throws when the program ends first or the time is up. */
  says(pattern: RegExp, timeout_ms?: number): Promise<string>
}

export class Inside {
  readonly #holder: ChildProcess
  readonly #enter: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  readonly #dialer: NamespaceDialer
  readonly pid: number

  /** `pid` is the process whose namespaces `flags` (of nsenter) names; `holder` is our child that dies with it. */
  constructor(holder: ChildProcess, pid: number, flags: readonly string[], env: Readonly<Record<string, string>>) {
    this.#holder = holder
    this.pid = pid
    this.#enter = ['nsenter', `--target=${pid}`, ...flags, '--']
    this.#env = { ...plain_env, ...env }
    this.#dialer = new NamespaceDialer(`/proc/${pid}/ns/net`)
  }

  get alive(): boolean {
    return this.#holder.exitCode === null && this.#holder.signalCode === null
  }

  exec(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run([...this.#enter, ...argv], { ...options, env: { ...this.#env, ...options.env } })
  }

  /** As `exec`, and throws unless the program ends with 0. Answers its standard output. */
  must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return must([...this.#enter, ...argv], { ...options, env: { ...this.#env, ...options.env } })
  }

  spawn(argv: readonly string[], log: string, env: Readonly<Record<string, string>> = {}): Running {
    const file = openSync(log, 'a')
    const [program = '', ...args] = [...this.#enter, ...argv]
    const child = spawn(program, args, { env: { ...this.#env, ...env }, stdio: ['ignore', file, file] })
    closeSync(file)
    const exit = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : 143))
    exit.catch(() => {}) // whoever wants to know awaits it
    const says = (pattern: RegExp, timeout_ms = 30_000) => saidIn(log, pattern, exit, timeout_ms)
    return { log, exit, kill: (signal = 'SIGTERM') => signalInner(child, signal), says }
  }

  /** A TCP connection made inside. Throws with `code` ECONNREFUSED and the like. */
  connect(port: number, address = '127.0.0.1'): Promise<net.Socket> {
    return this.#dialer.connect(address, port)
  }

  /** For `http.request({ agent })`: every connection is made inside. */
  get agent(): http.Agent {
    return new DialAgent(this.#dialer)
  }

  /** One plain-HTTP request made inside; use `connect` or `agent` for streams and TLS. */
  fetch(url: string, options: FetchOptions = {}): Promise<Answer> {
    return fetchWith(this.#dialer, url, options)
  }

  /** Kills what holds the namespaces open: everything inside dies at once. */
  async kill(): Promise<void> {
    this.#dialer.close()
    if (!this.alive) return
    const gone = once(this.#holder, 'close')
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
    await gone
  }
}

function saidIn(log: string, pattern: RegExp, exit: Promise<number>, timeout_ms: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const look = () => {
    const text = readFileSync(log, 'utf8')
    if (pattern.test(text)) resolve(text)
    return text
  }
  const fail = (why: string) =>
    reject(new Error(`The program did not say ${pattern} ${why}. It said: ${look().slice(-2000)}`))
  const watcher = watch(log, look)
  const timer = setTimeout(() => fail(`within ${timeout_ms} ms`), timeout_ms)
  void exit.then(code => fail(`before it ended with ${code}`))
  look()
  return promise.finally(() => {
    clearTimeout(timer)
    watcher.close()
  })
}

/** One plain-HTTP request over a connection of the dialer's namespace. */
export async function fetchWith(dialer: NamespaceDialer, url: string, options: FetchOptions = {}): Promise<Answer> {
  const request = http.request(url, {
    agent: new DialAgent(dialer),
    method: options.method ?? 'GET',
    headers: { ...options.headers },
    signal: AbortSignal.timeout(options.timeout_ms ?? 30_000),
  })
  request.end(options.body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

class DialAgent extends http.Agent {
  readonly #dialer: NamespaceDialer
  constructor(dialer: NamespaceDialer) {
    super()
    this.#dialer = dialer
  }

  override createConnection(
    options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const done = callback as ((error: Error | null, stream?: Duplex) => void) | undefined
    this.#dialer.connect(options.host ?? '127.0.0.1', Number(options.port ?? 80)).then(
      socket => done?.(null, socket),
      (error: Error) => done?.(error),
    )
  }
}

/**
 * Starts `argv` under `unshare` with the given flags and waits for its line "ready". The kernel ends it when this
 * process dies, however that happens, so a killed test run leaves no process behind.
 */
export async function hold(
  flags: readonly string[],
  argv: readonly string[],
): Promise<{ holder: ChildProcess; pid: number }> {
  const line = ['--pdeathsig', 'KILL', 'unshare', ...flags, '--', ...argv]
  const holder = spawn('setpriv', line, { env: plain_env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let said = ''
  const ready = new Promise<void>((resolve, reject) => {
    holder.stdout.on('data', (chunk: Buffer) => {
      if (String(chunk).includes('ready')) resolve()
    })
    holder.stderr.on('data', (chunk: Buffer) => {
      said += String(chunk)
    })
    holder.once('error', reject)
    holder.once('close', code => reject(new Error(`${argv[0]} ended with ${code} before it was ready: ${said.trim()}`)))
  })
  await ready
  const parent = holder.pid
  if (parent === undefined) throw new Error('unshare did not start')
  if (!flags.includes('--fork')) return { holder, pid: parent }
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8')
  return { holder, pid: Number(children.trim().split(' ')[0]) }
}
