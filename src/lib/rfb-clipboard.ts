/**
 * Clipboard messages of VNC clients in their extended form (rfbproto, "Extended Clipboard Pseudo-Encoding"): what of one goes on to
 * QEMU, made anew. Only text is; QEMU takes nothing else. What a client compressed is unpacked here, within bounds, so that a small
 * message cannot become a large one in the QEMU of a host that others use too.
 */
import { isUtf8 } from 'node:buffer'
import { constants, deflateSync, inflateSync } from 'node:zlib'

export class MalformedClipboard extends Error {}

/** Among the encodings of a client that speaks this. */
export const extendedClipboardEncoding = 0xc0a1e5ce

/** Of a text, in UTF-8. QEMU gives up at 1 MiB with all that is around it. */
export const clipboardTextBytesMax = 512 * 1024
/** Of a message on the wire: text is packed in it, and no text grows by much. */
export const clipboardBytesMax = clipboardTextBytesMax + 4096

const action = { caps: 1 << 24, request: 1 << 25, peek: 1 << 26, notify: 1 << 27, provide: 1 << 28 } as const
const text_format = 1
const formats_all = 0xffff
const formats_max = 16

/** How much may be unpacked yet: what does it holds up everybody else. */
export interface ClipboardAllowance {
  bytes: number
}

/** `body`: flags and what follows them. Null: nothing of it goes on. Throws MalformedClipboard, also beyond what is allowed. */
export function clipboardMessage(body: Buffer, allowance: ClipboardAllowance): Buffer | null {
  if (body.length < 4) throw new MalformedClipboard('a clipboard message without flags')
  const flags = body.readUInt32BE()
  const formats = flags & formats_all
  // Among its capabilities a client names all actions that it knows.
  if ((flags & action.caps) !== 0) {
    // A size for each format should follow; noVNC names the sizes and not the formats.
    if (body.length % 4 !== 0 || body.length > 4 + 4 * formats_max) {
      throw new MalformedClipboard('clipboard capabilities of another length')
    }
    return messageOf(body)
  }
  switch (flags & ~formats_all) {
    case action.request:
    case action.peek:
    case action.notify:
      if (body.length !== 4) throw new MalformedClipboard('a clipboard message with something behind it')
      // With no format a client says that it has nothing more to give.
      return messageOf(flagsOf((flags & ~formats_all) | (formats & text_format)))
    case action.provide:
      return (formats & text_format) === 0 ? null : provided(body.subarray(4), allowance)
    default:
      throw new MalformedClipboard(`the unknown clipboard action ${(flags >>> 24).toString(16)}`)
  }
}

/** Whether it says no more than what the client can do. */
export function isCapabilities(body: Buffer): boolean {
  return (body.readUInt32BE() & action.caps) !== 0
}

/** A text as a client would provide it. */
export function provideText(text: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(text.length)
  return messageOf(
    Buffer.concat([flagsOf(action.provide | text_format), deflateSync(Buffer.concat([size, text]), { level: 1 })]),
  )
}

/** Text is the lowest format, and so the first in the stream: its size, then itself. */
function provided(packed: Buffer, allowance: ClipboardAllowance): Buffer {
  if (allowance.bytes <= 0) throw new MalformedClipboard('more clipboards in a short time than anybody copies')
  const content = unpack(packed)
  allowance.bytes -= content.length
  const size = content.length < 4 ? Number.POSITIVE_INFINITY : content.readUInt32BE()
  if (size > clipboardTextBytesMax) throw new MalformedClipboard('a clipboard text that is too long, or none')
  if (4 + size > content.length) throw new MalformedClipboard('a clipboard text that breaks off')
  return provideText(asGuestsHaveIt(content.subarray(4, 4 + size)))
}

/** Clients do not end the stream, but flush it. */
function unpack(packed: Buffer): Buffer {
  try {
    return inflateSync(packed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 4 + clipboardTextBytesMax })
  } catch (error) {
    const long = error instanceof RangeError
    throw new MalformedClipboard(
      long ? `a clipboard of more than ${clipboardTextBytesMax} bytes` : 'a clipboard that does not unpack',
      { cause: error },
    )
  }
}

/** VNC's text has CR LF and a zero at its end. QEMU hands it to the guest's agent as it is, whose text has neither (spice-protocol). */
function asGuestsHaveIt(text: Buffer): Buffer {
  const end = text.indexOf(0)
  const whole = end < 0 ? text : text.subarray(0, end)
  const clean = isUtf8(whole) ? whole : Buffer.from(whole.toString('utf8'))
  const kept = Buffer.alloc(clean.length)
  let length = 0
  for (let n = 0; n < clean.length; n++) {
    if (clean[n] === 0x0d && clean[n + 1] === 0x0a) continue
    kept[length++] = clean[n] ?? 0
  }
  return kept.subarray(0, length)
}

function flagsOf(flags: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(flags)
  return bytes
}

/** A negative length marks the extended form. */
function messageOf(body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head[0] = 6
  head.writeInt32BE(-body.length, 4)
  return Buffer.concat([head, body])
}
