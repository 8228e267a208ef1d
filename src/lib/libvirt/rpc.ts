/**
 * One connection to libvirtd: sends calls, matches answers, carries streams, hands messages (events) on.
 *
 * libvirtd serves five calls of a client at a time and stops listening to it beyond that, pings included; so calls
 * beyond the limit wait here, in order. Not its job: what calls mean, signing in, connecting again.
 */
import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Clock, realClock } from '../clock.ts'
import { ConnectionError, readError, TimeoutError } from './errors.ts'
import { buildFrame, type Frame, FrameSplitter, frameStatus, frameType, HEADER_BYTES, sealFrame } from './frames.ts'
import { Keepalive } from './keepalive.ts'
import { KEEPALIVE, keepaliveProcedure, type Procedure } from './procedures.ts'
import { XdrReader, XdrWriter } from './xdr.ts'

export interface RpcOptions {
  /** The daemon's Unix socket. */
  path: string
  connect_timeout_ms?: number | undefined
  /** How long a call may take unless it says otherwise, its time in the queue included. */
  call_timeout_ms?: number | undefined
  /** Calls under way at once; not above max_client_requests in libvirtd.conf (5 unless changed). */
  in_flight_max?: number | undefined
  clock?: Clock | undefined
}

export interface CallOptions {
  timeout_ms?: number | undefined
}

export type Encode = (writer: XdrWriter) => void

/** Receives what comes on one stream. */
export interface StreamSink {
  data(chunk: Buffer): void
  /** The daemon has confirmed the end. */
  finished(): void
  failed(error: Error): void
}

interface PendingCall {
  procedure: Procedure
  frame: Buffer
  serial: number
  timer: { cancel(): void }
  /** Its caller has given up; it is kept until the daemon answers, because until then it takes up one of the places. */
  abandoned: boolean
  answer: (body: XdrReader) => void
  fail: (error: unknown) => void
  /** What to do when the daemon grants the call after it was abandoned. */
  late: () => void
}

type Events = { message: [frame: Frame]; close: [error: ConnectionError] }

export class Rpc extends EventEmitter<Events> {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #call_timeout_ms: number
  readonly #in_flight_max: number
  readonly #splitter = new FrameSplitter()
  readonly #in_flight = new Map<number, PendingCall>()
  readonly #streams = new Map<number, { procedure: Procedure; sink: StreamSink }>()
  readonly #full = new Set<StreamSink>()
  #waiting: PendingCall[] = []
  #keepalive: Keepalive | null = null
  #serial = 0
  #closed: ConnectionError | null = null

  private constructor(socket: Socket, options: RpcOptions) {
    super()
    this.#socket = socket
    this.#clock = options.clock ?? realClock
    this.#call_timeout_ms = options.call_timeout_ms ?? 60_000
    this.#in_flight_max = options.in_flight_max ?? 5
    let cause: Error | undefined
    socket.on('data', chunk => {
      if (typeof chunk !== 'string') this.#received(chunk)
    })
    socket.on('error', error => {
      cause = error
    })
    socket.on('close', () =>
      this.#end(new ConnectionError('closed_by_daemon', 'libvirtd closed the connection', { cause })),
    )
  }

  /** Reaches the socket; nothing is said on it yet. Fails with a ConnectionError. */
  static connect(options: RpcOptions): Promise<Rpc> {
    const { path, connect_timeout_ms = 10_000, clock = realClock } = options
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      const fail = (why: string, cause?: Error) => {
        timer.cancel()
        socket.destroy()
        reject(new ConnectionError('unreachable', `cannot reach libvirtd at ${path}: ${why}`, { cause }))
      }
      const refused = (error: NodeJS.ErrnoException) => fail(unreachable(error), error)
      const timer = clock.after(connect_timeout_ms, () => fail(`no answer in ${connect_timeout_ms} ms`))
      socket.once('error', refused)
      socket.once('connect', () => {
        timer.cancel()
        socket.off('error', refused)
        resolve(new Rpc(socket, options))
      })
    })
  }

  /** Why the connection has ended, or null while it is open. */
  get closed(): ConnectionError | null {
    return this.#closed
  }

  /** A stream that is full keeps answers from coming in. */
  get held(): boolean {
    return this.#full.size > 0
  }

  /**
   * Calls, and decodes the answer, which must be decoded to its last byte. Fails with LibvirtError, ConnectionError,
   * TimeoutError, or XdrError for arguments that the protocol cannot carry.
   */
  call<T>(procedure: Procedure, encode: Encode | null, decode: (body: XdrReader) => T, options?: CallOptions) {
    return this.#start(procedure, encode, decode, options).answer
  }

  /** A call that opens a stream: from now until `finished` or `failed`, `sink` receives what the daemon sends on it. */
  openStream<T>(
    procedure: Procedure,
    sink: StreamSink,
    encode: Encode,
    decode: (body: XdrReader) => T,
    options?: CallOptions,
  ): { serial: number; answer: Promise<T> } {
    const { serial, call, answer } = this.#start(procedure, encode, decode, options)
    if (call) {
      this.#streams.set(serial, { procedure, sink })
      call.late = () => this.sendStream(serial, procedure, frameStatus.error)
    }
    const forget = (error: unknown): never => {
      this.#streams.delete(serial)
      throw error
    }
    return { serial, answer: answer.catch(forget) }
  }

  /** Sends on a stream. False when the socket's buffer is full: `drained` says when to go on. */
  sendStream(serial: number, procedure: Procedure, status: number, data?: Uint8Array): boolean {
    if (this.#closed) return true
    const { program, number } = procedure
    const header = {
      program: program.number,
      version: program.version,
      procedure: number,
      type: frameType.stream,
      serial,
    }
    return this.#socket.write(buildFrame({ ...header, status }, data))
  }

  drained(callback: () => void): void {
    if (this.#closed || !this.#socket.writableNeedDrain) callback()
    else this.#socket.once('drain', callback)
  }

  /** A stream that is full holds up the whole connection until it is not: the protocol has no narrower brake. */
  holdStream(sink: StreamSink, full: boolean): void {
    if (full) this.#full.add(sink)
    else if (!this.#full.delete(sink)) return
    this.#keepalive?.hold(this.held)
    if (this.held) this.#socket.pause()
    else this.#socket.resume()
  }

  /** From now on pings the daemon; it counts as dead after `missed_max` pings in a row without an answer. */
  startKeepalive(interval_ms: number, missed_max: number): void {
    this.#keepalive = new Keepalive({
      interval_ms,
      missed_max,
      clock: this.#clock,
      ping: () => this.#sendKeepalive(keepaliveProcedure.ping),
      dead: () =>
        this.close(
          new ConnectionError('unresponsive', `libvirtd has not answered ${missed_max} pings, ${interval_ms} ms apart`),
        ),
    })
  }

  /** Ends the connection; whatever is under way fails with `why`. Idempotent. */
  close(why = new ConnectionError('closed', 'the connection to libvirtd has been closed')): void {
    this.#end(why)
    this.#socket.destroy()
  }

  #start<T>(
    procedure: Procedure,
    encode: Encode | null,
    decode: (body: XdrReader) => T,
    options: CallOptions = {},
  ): { serial: number; call: PendingCall | null; answer: Promise<T> } {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const serial = ++this.#serial
    let frame: Buffer
    try {
      frame = this.#encode(procedure, serial, encode)
    } catch (error) {
      reject(error)
      return { serial, call: null, answer: promise }
    }
    const timeout_ms = options.timeout_ms ?? this.#call_timeout_ms
    const call: PendingCall = {
      procedure,
      frame,
      serial,
      abandoned: false,
      timer: this.#clock.after(timeout_ms, () => this.#giveUp(call, timeout_ms)),
      fail: reject,
      late: () => {},
      answer: body => {
        const value = decode(body)
        body.end()
        resolve(value)
      },
    }
    this.#waiting.push(call)
    this.#sendWaiting()
    return { serial, call, answer: promise }
  }

  #encode(procedure: Procedure, serial: number, encode: Encode | null): Buffer {
    const { program, number, name } = procedure
    if (this.#closed) {
      const cause = this.#closed
      throw new ConnectionError(cause.reason, `cannot call ${name}: ${cause.message}`, { cause })
    }
    const writer = new XdrWriter(HEADER_BYTES)
    encode?.(writer)
    const header = {
      program: program.number,
      version: program.version,
      procedure: number,
      type: frameType.call,
      serial,
    }
    return sealFrame({ ...header, status: frameStatus.ok }, writer.finish())
  }

  #sendWaiting(): void {
    while (this.#in_flight.size < this.#in_flight_max) {
      const call = this.#waiting.shift()
      if (!call) return
      this.#in_flight.set(call.serial, call)
      this.#socket.write(call.frame)
      call.frame = Buffer.alloc(0)
    }
  }

  #giveUp(call: PendingCall, timeout_ms: number): void {
    const sent = this.#in_flight.has(call.serial)
    if (sent) call.abandoned = true
    else this.#waiting = this.#waiting.filter(other => other !== call)
    call.fail(new TimeoutError(call.procedure.name, timeout_ms, sent))
  }

  #received(chunk: Buffer): void {
    this.#keepalive?.heard()
    try {
      for (const frame of this.#splitter.push(chunk)) {
        this.#dispatch(frame)
        if (this.#closed) return
      }
    } catch (cause) {
      if (cause instanceof ConnectionError) return this.close(cause)
      const why = cause instanceof Error ? cause.message : String(cause)
      this.close(new ConnectionError('protocol', `libvirtd sent what cannot be understood: ${why}`, { cause }))
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.program === KEEPALIVE.number) {
      if (frame.procedure === keepaliveProcedure.ping) this.#sendKeepalive(keepaliveProcedure.pong)
      return
    }
    if (frame.type === frameType.reply) this.#answered(frame)
    else if (frame.type === frameType.stream) this.#streamed(frame)
    else if (frame.type === frameType.message) this.emit('message', frame)
    // Other types (descriptors, holes in sparse streams) come only when asked for, and nothing here asks.
  }

  #answered(frame: Frame): void {
    const call = this.#in_flight.get(frame.serial)
    if (!call) {
      // An error that answers no call concerns a stream that the daemon has already given up.
      if (this.#streams.has(frame.serial)) this.#streamed(frame)
      return
    }
    this.#in_flight.delete(frame.serial)
    call.timer.cancel()
    this.#sendWaiting()
    if (call.abandoned) {
      if (frame.status === frameStatus.ok) call.late()
      return
    }
    const body = new XdrReader(frame.body)
    const { name } = call.procedure
    try {
      if (frame.status === frameStatus.error) call.fail(readError(name, body))
      else call.answer(body)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const error = new ConnectionError('protocol', `libvirtd's answer to ${name} cannot be understood: ${why}`, {
        cause,
      })
      call.fail(error)
      throw error
    }
  }

  #streamed(frame: Frame): void {
    const stream = this.#streams.get(frame.serial)
    if (!stream) return
    if (frame.status === frameStatus.continue) return stream.sink.data(frame.body)
    this.#streams.delete(frame.serial)
    if (frame.status === frameStatus.ok) stream.sink.finished()
    else stream.sink.failed(readError(stream.procedure.name, new XdrReader(frame.body)))
  }

  #sendKeepalive(procedure: number): void {
    const { number: program, version } = KEEPALIVE
    const header = { program, version, procedure, type: frameType.message, serial: 0, status: frameStatus.ok }
    if (!this.#closed) this.#socket.write(buildFrame(header))
  }

  #end(why: ConnectionError): void {
    if (this.#closed) return
    this.#closed = why
    this.#keepalive?.stop()
    const calls = [...this.#in_flight.values(), ...this.#waiting]
    const streams = [...this.#streams.values()]
    this.#in_flight.clear()
    this.#waiting = []
    this.#streams.clear()
    for (const call of calls) {
      call.timer.cancel()
      const { name } = call.procedure
      call.fail(new ConnectionError(why.reason, `${why.message} while ${name} was under way`, { cause: why }))
    }
    for (const { sink } of streams) sink.failed(why)
    this.emit('close', why)
  }
}

function unreachable(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such socket; is libvirtd running?'
  if (error.code === 'ECONNREFUSED') return 'nothing listens on the socket; libvirtd has stopped or is starting'
  if (error.code === 'EACCES') return 'permission denied; the user must be root or in the group that owns the socket'
  return error.message
}
