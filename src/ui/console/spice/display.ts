/**
 * What the display connection says, drawn on a canvas (spice-protocol, "Display channel"). Croft's guests have plain video cards, whose
 * screens QEMU tells as pictures put somewhere (DRAW_COPY); what only a QXL card would draw besides is not known here. Pictures are
 * asked for packed by LZ or not at all: everything else is for slower lines than a browser's, and much to get wrong.
 */
import { joined } from '../../../sdk/joined.ts'
import { type Bytes, pack, u32, u8 } from './bytes.ts'
import type { SpiceChannel } from './channel.ts'
import { type Picture, unpackLz, upsideDown } from './lz.ts'

/** With several codecs to be named and none named there are no streams of video. */
export const displayCaps = [1, 6, 8]
const cap_preferred_compression = 6
const message = { preferred: 103, init: 101 }
const compression_lz = 6
const kinds = { bitmap: 0, lz_rgb: 101 }
const formats = { rgb24: 7, rgb32: 8, rgba: 9 }
const side_max = 16_384
const points_max = 64 * 1024 * 1024

interface Box {
  left: number
  top: number
  right: number
  bottom: number
}

export interface DisplayEvents {
  /** There is a screen of this size. */
  sized(width: number, height: number): void
  /** It has something on it. */
  drawn(): void
}

export class Display {
  readonly #context: CanvasRenderingContext2D
  readonly #events: DisplayEvents
  /** The one surface that is the screen. */
  #surface = -1

  constructor(canvas: HTMLCanvasElement, events: DisplayEvents) {
    const context = canvas.getContext('2d', { alpha: false })
    if (!context) throw new Error('This browser has no canvas.')
    this.#context = context
    this.#events = events
  }

  /** Says how pictures are to come, and that they may. Throws where the server cannot be told. */
  begin(channel: SpiceChannel, caps: number): void {
    if (!(caps & (1 << cap_preferred_compression))) throw new Error('its SPICE is too old for a page')
    channel.send(message.preferred, pack(u8(compression_lz)))
    // No cache and no dictionary: what is sent is whole.
    channel.send(message.init, joined([pack(u8(0)), new Uint8Array(8), pack(u8(0), u32(0))]))
  }

  hear(type: number, body: Bytes): void {
    switch (type) {
      case 104:
        return this.#copyBits(body)
      case 302:
        return this.#fill(body)
      case 304:
        return this.#copy(body)
      case 314:
        return this.#create(body)
      case 315:
        if (body.u32() === this.#surface) this.#surface = -1
        return undefined
      default:
        // Caches that we have none of, what the monitors are, what belongs to streams.
        return undefined
    }
  }

  #create(body: Bytes): void {
    const [surface, width, height, , flags] = [body.u32(), body.u32(), body.u32(), body.u32(), body.u32()]
    if (!(flags & 1)) return
    if (width > side_max || height > side_max || width * height > points_max) {
      throw new RangeError(`a screen of ${width}×${height}`)
    }
    this.#surface = surface
    const { canvas } = this.#context
    canvas.width = width
    canvas.height = height
    this.#events.sized(width, height)
  }

  /** What each drawing begins with. Null for what is not on the screen. */
  #where(body: Bytes): { box: Box; clips: readonly Box[] } | null {
    const surface = body.u32()
    const box = boxOf(body)
    const clips: Box[] = []
    if (body.u8() === 1) for (let left = body.u32(); left > 0; left--) clips.push(within(box, boxOf(body)))
    else clips.push(box)
    return surface === this.#surface ? { box, clips } : null
  }

  #copyBits(body: Bytes): void {
    const where = this.#where(body)
    if (!where) return
    const [x, y] = [body.i32(), body.i32()]
    const { box, clips } = where
    const { canvas } = this.#context
    for (const { left, top, right, bottom } of clips) {
      const [width, height] = [right - left, bottom - top]
      if (width <= 0 || height <= 0) continue
      this.#context.drawImage(canvas, x + left - box.left, y + top - box.top, width, height, left, top, width, height)
    }
  }

  #fill(body: Bytes): void {
    const where = this.#where(body)
    if (!where || body.u8() !== 1) return
    this.#context.fillStyle = `#${(body.u32() & 0xffffff).toString(16).padStart(6, '0')}`
    for (const { left, top, right, bottom } of where.clips) {
      this.#context.fillRect(left, top, right - left, bottom - top)
    }
    this.#events.drawn()
  }

  #copy(body: Bytes): void {
    const where = this.#where(body)
    if (!where) return
    const offset = body.u32()
    const from = boxOf(body)
    body.at = offset
    const picture = pictureOf(body)
    if (!picture || picture.width * picture.height === 0) return
    const { points, width, height } = picture
    const image = new ImageData(points, width, height)
    const [x, y] = [where.box.left - from.left, where.box.top - from.top]
    for (const clip of where.clips) {
      const { left, top, right, bottom } = within(clip, { left: x, top: y, right: x + width, bottom: y + height })
      if (right > left && bottom > top) {
        this.#context.putImageData(image, x, y, left - x, top - y, right - left, bottom - top)
      }
    }
    this.#events.drawn()
  }
}

function boxOf(body: Bytes): Box {
  const [top, left, bottom, right] = [body.i32(), body.i32(), body.i32(), body.i32()]
  return { left, top, right, bottom }
}

const within = (one: Box, other: Box): Box => ({
  left: Math.max(one.left, other.left),
  top: Math.max(one.top, other.top),
  right: Math.min(one.right, other.right),
  bottom: Math.min(one.bottom, other.bottom),
})

/** Null for kinds that were not asked for. */
function pictureOf(body: Bytes): Picture | null {
  body.u64()
  const kind = body.u8()
  body.u8()
  // Said again by each kind.
  body.take(8)
  if (kind === kinds.lz_rgb) {
    body.u32()
    return opaque(unpackLz(body, points_max))
  }
  return kind === kinds.bitmap ? bitmapOf(body) : null
}

function bitmapOf(body: Bytes): Picture | null {
  const [format, flags, width, height, stride] = [body.u8(), body.u8(), body.u32(), body.u32(), body.u32()]
  body.u32()
  if (width > side_max || height > side_max) throw new RangeError(`a picture of ${width}×${height}`)
  const size = format === formats.rgb24 ? 3 : 4
  if (format !== formats.rgb24 && format !== formats.rgb32 && format !== formats.rgba) return null
  const points = new Uint8ClampedArray(width * height * 4)
  for (let y = 0, to = 0; y < height; y++) {
    const line = body.take(stride)
    for (let x = 0; x < width; x++, to += 4) {
      points[to] = line[x * size + 2] ?? 0
      points[to + 1] = line[x * size + 1] ?? 0
      points[to + 2] = line[x * size] ?? 0
      points[to + 3] = 255
    }
  }
  return { width, height, points: flags & 4 ? points : upsideDown(points, width * 4) }
}

/** A screen has nothing behind it. */
function opaque(picture: Picture): Picture {
  for (let at = 3; at < picture.points.length; at += 4) picture.points[at] = 255
  return picture
}
