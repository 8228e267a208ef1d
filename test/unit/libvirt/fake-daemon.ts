/**
 * The other end of a connection, for what no real libvirtd does: it answers what the test tells it to. Loopback only.
 */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildFrame, type Frame, FrameSplitter, frameStatus, frameType } from '../../../src/lib/libvirt/frames.ts'
import { remote } from '../../../src/lib/libvirt/procedures.ts'
import { XdrWriter } from '../../../src/lib/libvirt/xdr.ts'

export type Answer = (frame: Frame, peer: Peer) => void

export class Peer {
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }

  /** Answers `frame`. */
  reply(frame: Frame, body: Uint8Array = new Uint8Array(), fields: Partial<Frame> = {}): void {
    this.socket.write(buildFrame({ ...frame, type: frameType.reply, ...fields }, body))
  }

  send(fields: Partial<Frame>, body?: Uint8Array): void {
    const header = { program: 0x2000_8086, version: 1, procedure: 0, type: frameType.message, serial: 0, status: 0 }
    this.socket.write(buildFrame({ ...header, ...fields }, body))
  }
}

export class FakeDaemon {
  readonly path: string
  readonly #dir: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(dir: string, answer: Answer) {
    this.#dir = dir
    this.path = join(dir, 'sock')
    this.#server = createServer(socket => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      const peer = new Peer(socket)
      const splitter = new FrameSplitter()
      socket.on('data', (chunk: Buffer) => {
        for (const frame of splitter.push(chunk)) answer(frame, peer)
      })
    })
  }

  static async start(answer: Answer): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(await mkdtemp(join(tmpdir(), 'croft-fake-')), answer)
    daemon.#server.listen(daemon.path)
    await once(daemon.#server, 'listening')
    return daemon
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** Answers all that connecting needs, and leaves the rest to `answer`. */
export function opened(answer: Answer): Answer {
  return (frame, peer) => {
    if (frame.program !== remote.auth_list.program.number) return answer(frame, peer)
    if (frame.procedure === remote.auth_list.number) return peer.reply(frame, words(1, 0))
    if (frame.procedure === remote.connect_supports_feature.number) return peer.reply(frame, words(1))
    if (frame.procedure === remote.connect_open.number) return peer.reply(frame)
    if (frame.procedure === remote.connect_close.number) return peer.reply(frame)
    answer(frame, peer)
  }
}

export function words(...numbers: number[]): Buffer {
  const writer = new XdrWriter()
  for (const number of numbers) writer.u32(number)
  return writer.finish()
}

export function text(value: string): Buffer {
  return new XdrWriter().string(value).finish()
}

/** remote_error, as a daemon sends it with status 1. */
export function refusal(code: number, message: string | null): Buffer {
  const writer = new XdrWriter().i32(code).i32(10).optionalString(message).i32(2)
  // No domain, three strings that are absent, two numbers, no network.
  return writer.u32(0).u32(0).u32(0).u32(0).i32(-1).i32(-1).u32(0).finish()
}

export const ERROR = { status: frameStatus.error }
