/**
 * TCP sockets in another network namespace, used from this process.
 *
 * Node cannot enter a namespace (setns(2) works on one thread only), but a socket stays in the namespace where it was
 * made. So a small helper is started inside with nsenter(1), makes the socket there and hands it over by file
 * descriptor (SCM_RIGHTS, Node's handle passing). A listening socket costs the helper's 0.1 s once and nothing later:
 * connections are accepted here, and `socket.remoteAddress` is the true peer inside the namespace.
 *
 * Usable alone: needs root, util-linux's nsenter and a file that names the namespace (`/run/netns/NAME`,
 * `/proc/PID/ns/net`). Making namespaces is not its job.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import net from 'node:net'
import { fileURLToPath } from 'node:url'

export type ToHelper =
  | { readonly id: number; readonly kind: 'listen' | 'dial'; readonly host: string; readonly port: number }
  | { readonly id: number; readonly kind: 'end' }

export type FromHelper =
  | { readonly id: number; readonly kind: 'ready' | 'listening' | 'accepted' | 'connected' }
  | { readonly id: number; readonly kind: 'failed'; readonly code: string; readonly message: string }

/** Thrown when a socket could not be made; `code` is the system's (`ECONNREFUSED`, `EADDRINUSE`) or `EHELPER`. */
export class NamespaceSocketError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'NamespaceSocketError'
    this.code = code
  }
}

/** A helper that has not made its listening socket by then never will; who waits for it is to hear so. */
const listen_timeout_ms = 15_000

const helper_path = fileURLToPath(new URL('./socket-helper.ts', import.meta.url))

type Answer = { readonly message: FromHelper; readonly handle: net.Server | net.Socket | undefined }

/** One helper process in one namespace, and the questions it has not answered yet. */
class Helper {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #path: string
  readonly ready: Promise<void>
  onAccepted: (socket: net.Socket) => void = socket => socket.destroy()
  #next_id = 1
  #ended: NamespaceSocketError | undefined
  #stderr = ''

  constructor(netns_path: string) {
    this.#path = netns_path
    const argv = [`--net=${netns_path}`, '--', process.execPath, '--disable-warning=ExperimentalWarning', helper_path]
    const child = spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child = child
    this.ready = this.#answerTo(0).then(answer => {
      if (answer.message.kind === 'failed') throw new NamespaceSocketError(answer.message.code, answer.message.message)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000)
    })
    child.on('message', (message, handle) => this.#onMessage(message as FromHelper, handle as Answer['handle']))
    child.on('error', error => this.#onEnd(error.message))
    child.once('close', code => this.#onEnd(this.#stderr.trim() || `it ended with code ${code}`))
  }

  #answerTo(id: number): Promise<Answer> {
    return new Promise(resolve => this.#waiting.set(id, resolve))
  }

  #onMessage(message: FromHelper, handle: Answer['handle']): void {
    if (message.kind === 'accepted' && handle instanceof net.Socket) return this.onAccepted(handle)
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (waiting) waiting({ message, handle })
    else if (handle instanceof net.Socket) handle.destroy()
    else handle?.close()
  }

  #onEnd(why: string): void {
    const text = `No socket in network namespace ${this.#path}: the helper that nsenter starts there failed: ${why}`
    this.#ended = new NamespaceSocketError('EHELPER', text)
    for (const [id, resolve] of this.#waiting)
      resolve({ message: { id, kind: 'failed', code: 'EHELPER', message: text }, handle: undefined })
    this.#waiting.clear()
  }

  async ask(kind: 'listen' | 'dial', host: string, port: number): Promise<net.Server | net.Socket> {
    await this.ready
    if (this.#ended) throw this.#ended
    const id = this.#next_id++
    const answer = this.#answerTo(id)
    this.#child.send({ id, kind, host, port } satisfies ToHelper)
    const { message, handle } = await answer
    if (message.kind === 'failed') throw new NamespaceSocketError(message.code, message.message)
    if (!handle) throw new NamespaceSocketError('EHELPER', `The socket of ${host}:${port} was lost on its way here`)
    return handle
  }

  /** Lets the helper end by itself; what it handed over lives on. */
  end(): void {
    if (this.#child.connected) this.#child.send({ id: 0, kind: 'end' } satisfies ToHelper)
  }

  /** What it was asked fails then. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }
}

/**
 * Listens on `host`:`port` inside the namespace named by the file `netns_path`.
 * The answer is an ordinary server of this process: `server.on('connection', socket => …)`, or hand it to HTTP with
 * `server.on('connection', socket => http_server.emit('connection', socket))`. Close it to stop.
 * Throws NamespaceSocketError, for example with code EADDRINUSE or EADDRNOTAVAIL.
 */
export async function listenInNamespace(netns_path: string, host: string, port: number): Promise<net.Server> {
  const helper = new Helper(netns_path)
  const early: net.Socket[] = []
  helper.onAccepted = socket => early.push(socket)
  const timer = setTimeout(() => helper.kill(), listen_timeout_ms)
  try {
    const server = await helper.ask('listen', host, port)
    if (!(server instanceof net.Server)) throw new NamespaceSocketError('EHELPER', 'Expected a listening socket')
    const pass = (socket: net.Socket) => server.emit('connection', socket)
    // The caller attaches its handlers after this returns: what came before is given to it on the next turn.
    helper.onAccepted = socket => setImmediate(pass, socket)
    for (const socket of early) setImmediate(pass, socket)
    return server
  } finally {
    clearTimeout(timer)
    helper.end()
  }
}

/** Connects to TCP ports as seen from inside one namespace; the helper starts on first use and serves until `close`. */
export class NamespaceDialer {
  readonly #path: string
  #helper: Helper | undefined

  constructor(netns_path: string) {
    this.#path = netns_path
  }

  /** Throws NamespaceSocketError, for example with code ECONNREFUSED. */
  async connect(host: string, port: number): Promise<net.Socket> {
    if (!this.#helper || this.#helper.ended) this.#helper = new Helper(this.#path)
    const socket = await this.#helper.ask('dial', host, port)
    if (!(socket instanceof net.Socket)) throw new NamespaceSocketError('EHELPER', 'Expected a connected socket')
    return socket
  }

  close(): void {
    this.#helper?.end()
    this.#helper = undefined
  }
}
