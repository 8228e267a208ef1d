/**
 * HTTP for load: one connection, one request at a time, the least work that HTTP/1.1 allows (RFC 9112), because on two
 * cores what the load costs is taken from what is measured. For loopback and answers of Croft's API only.
 */
import { connect, type Socket } from 'node:net'

/** Most of what is measured only looks at the status: the body is put together when it is asked for. */
export class Answer {
  readonly status: number
  private readonly chunks: readonly Buffer[]
  private readonly head_bytes: number

  constructor(status: number, chunks: readonly Buffer[], head_bytes: number) {
    this.status = status
    this.chunks = chunks
    this.head_bytes = head_bytes
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks).subarray(this.head_bytes)
  }
}

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

const headEnd = '\r\n\r\n'

export class Connection {
  private readonly socket: Socket
  private readonly host: string
  private readonly token: string
  private waiting: Waiting | null = null
  private chunks: Buffer[] = []
  private have_bytes = 0
  /** Of head and body of the answer under way; null while its head is not complete. */
  private need: { head_bytes: number; body_bytes: number; status: number } | null = null

  private constructor(socket: Socket, host: string, token: string) {
    this.socket = socket
    this.host = host
    this.token = token
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.take(chunk))
    socket.on('error', error => this.fail(error))
    socket.on('close', () => this.fail(new Error('the controller closed the connection')))
  }

  static open(url: string, token: string): Promise<Connection> {
    const { hostname, port, host } = new URL(url)
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Connection(socket, host, token))
      })
    })
  }

  /** `token`: another one than the connection's. `body` is sent as it is, JSON. */
  request(method: string, path: string, body?: string, token: string = this.token): Promise<Answer> {
    if (this.waiting) throw new Error('one request at a time on a connection')
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.host}\r\nauthorization: Bearer ${token}\r\n`
    const content =
      body === undefined
        ? '\r\n'
        : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.socket.write(head + content)
    })
  }

  /** The answer's JSON; throws for any status of 400 and above, with what the problem says. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.request(method, path, body === undefined ? undefined : JSON.stringify(body))
    mustBeGood(answer, `${method} ${path}`)
    return JSON.parse(answer.body.toString('utf8') || 'null') as T
  }

  close(): void {
    this.waiting = null
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.have_bytes += chunk.length
    this.need ??= this.readHead()
    if (!this.need || this.have_bytes < this.need.head_bytes + this.need.body_bytes) return
    const answer = new Answer(this.need.status, this.chunks, this.need.head_bytes)
    const { waiting } = this
    this.chunks = []
    this.have_bytes = 0
    this.need = null
    this.waiting = null
    waiting?.resolve(answer)
  }

  private readHead(): { head_bytes: number; body_bytes: number; status: number } | null {
    const [first] = this.chunks
    const all = this.chunks.length === 1 && first ? first : Buffer.concat(this.chunks)
    const end = all.indexOf(headEnd)
    if (end < 0) return null
    const head = all.toString('latin1', 0, end)
    const status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined && status !== 204) throw new Error(`an answer without its length:\n${head}`)
    return { head_bytes: end + headEnd.length, body_bytes: Number(length ?? 0), status }
  }

  private fail(error: Error): void {
    this.waiting?.reject(error)
    this.waiting = null
  }
}

export function mustBeGood(answer: Answer, what: string): void {
  const { status } = answer
  if (status >= 400) throw new Error(`${what} was answered ${status}: ${answer.body.toString('utf8').slice(0, 500)}`)
}
