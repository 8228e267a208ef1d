/**
 * Frames of libvirt's RPC: a length, a header of six words, a body. (virnetprotocol: the length counts itself.)
 * Not its job: which frame answers which call, and what a body says.
 */
import { XdrError } from './xdr.ts'

export const HEADER_BYTES = 28
/** The largest message libvirt sends or takes, its length word not counted. */
export const MESSAGE_BYTES_MAX = 32 * 1024 * 1024
/** The most stream data that every libvirtd takes in one frame. */
export const STREAM_CHUNK_BYTES_MAX = 262_120

export const frameType = {
  call: 0,
  reply: 1,
  message: 2,
  stream: 3,
  call_with_fds: 4,
  reply_with_fds: 5,
  stream_hole: 6,
}
export const frameStatus = { ok: 0, error: 1, continue: 2 }

export interface FrameHeader {
  program: number
  version: number
  procedure: number
  /** One of `frameType`. */
  type: number
  serial: number
  /** One of `frameStatus`. */
  status: number
}

export interface Frame extends FrameHeader {
  body: Buffer
}

/** Writes the header into the first HEADER_BYTES of `frame`, whose body is already in place. */
export function sealFrame(header: FrameHeader, frame: Buffer): Buffer {
  if (frame.length - 4 > MESSAGE_BYTES_MAX) {
    throw new XdrError(`a message of ${frame.length} bytes is over libvirt's limit of ${MESSAGE_BYTES_MAX}`)
  }
  frame.writeUInt32BE(frame.length, 0)
  frame.writeUInt32BE(header.program, 4)
  frame.writeUInt32BE(header.version, 8)
  frame.writeInt32BE(header.procedure, 12)
  frame.writeInt32BE(header.type, 16)
  frame.writeUInt32BE(header.serial, 20)
  frame.writeInt32BE(header.status, 24)
  return frame
}

/** A frame whose body is copied from `body` (empty by default). */
export function buildFrame(header: FrameHeader, body?: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + (body?.length ?? 0))
  if (body) frame.set(body, HEADER_BYTES)
  return sealFrame(header, frame)
}

/**
 * Cuts a byte stream into frames, wherever its chunks happen to end. Bodies are views into the chunks where possible.
 * Holds at most one unfinished frame, and never allocates on the word of a length alone.
 */
export class FrameSplitter {
  #chunks: Buffer[] = []
  #held_bytes = 0
  /** Bytes that must be held before anything can be cut: first those of the length, then those of the frame. */
  #wanted_bytes = 4

  /** Bytes of an unfinished frame. */
  get held_bytes(): number {
    return this.#held_bytes
  }

  /** Throws XdrError for a length that no frame can have; the byte stream is then of no more use. */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk)
    this.#held_bytes += chunk.length
    if (this.#held_bytes < this.#wanted_bytes) return

    const [only] = this.#chunks
    let held = only && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks, this.#held_bytes)
    this.#wanted_bytes = 4
    while (held.length >= 4) {
      const length = frameLength(held)
      if (held.length < length) {
        this.#wanted_bytes = length
        break
      }
      const frame = openFrame(held.subarray(0, length))
      held = held.subarray(length)
      // Kept up to date before each yield, so that nothing is lost when the caller stops in the middle.
      this.#hold(held)
      yield frame
    }
    this.#hold(held)
  }

  #hold(rest: Buffer): void {
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#held_bytes = rest.length
  }
}

function frameLength(held: Buffer): number {
  const length = held.readUInt32BE(0)
  if (length < HEADER_BYTES || length - 4 > MESSAGE_BYTES_MAX) {
    throw new XdrError(`a frame cannot be ${length} bytes long: the other side does not speak libvirt's protocol`)
  }
  return length
}

function openFrame(bytes: Buffer): Frame {
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readInt32BE(24),
    body: bytes.subarray(HEADER_BYTES),
  }
}
