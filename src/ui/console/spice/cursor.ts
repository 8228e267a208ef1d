/** The guest's pointer as its screen has it: the shape of ours while we say where it is, else drawn where the guest says (spice-protocol, "Cursor channel"). */
import type { Bytes } from './bytes.ts'

const flags = { none: 1, keep: 2, kept: 4 }
const kinds = { alpha: 0, mono: 1 }
const side_max = 512
const kept_max = 64

interface Shape {
  /** As CSS has it. */
  css: string
}

export class Cursor {
  readonly #canvas: HTMLCanvasElement
  readonly #kept = new Map<string, Shape>()

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas
  }

  hear(type: number, body: Bytes): void {
    switch (type) {
      case 101: {
        body.take(8)
        const visible = body.u8() !== 0
        return this.#show(visible, body)
      }
      case 103: {
        body.take(4)
        const visible = body.u8() !== 0
        return this.#show(visible, body)
      }
      case 105:
        return this.#set('none')
      case 102:
        this.#kept.clear()
        return this.#set('default')
      default:
        return undefined
    }
  }

  #set(css: string): void {
    this.#canvas.style.cursor = css
  }

  #show(visible: boolean, body: Bytes): void {
    const told = body.u16()
    if (!visible) return this.#set('none')
    if (told & flags.none) return this.#set('default')
    const id = body.u64()
    const kept = this.#kept.get(id)
    if (told & flags.kept) return this.#set(kept?.css ?? 'default')
    const shape = shapeOf(body)
    if (told & flags.keep) {
      if (this.#kept.size >= kept_max) this.#kept.clear()
      this.#kept.set(id, shape)
    }
    this.#set(shape.css)
  }
}

function shapeOf(body: Bytes): Shape {
  const [kind, width, height, x, y] = [body.u8(), body.u16(), body.u16(), body.u16(), body.u16()]
  if (width === 0 || height === 0 || width > side_max || height > side_max) return { css: 'default' }
  const points =
    kind === kinds.alpha ? alphaOf(body, width * height) : kind === kinds.mono ? monoOf(body, width, height) : null
  if (!points) return { css: 'default' }
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  canvas.getContext('2d')?.putImageData(new ImageData(points, width, height), 0, 0)
  return { css: `url(${canvas.toDataURL()}) ${Math.min(x, width - 1)} ${Math.min(y, height - 1)}, default` }
}

/** Blue, green, red, alpha; the colours weighed by it. */
function alphaOf(body: Bytes, count: number): Uint8ClampedArray<ArrayBuffer> {
  const said = body.take(count * 4)
  const points = new Uint8ClampedArray(count * 4)
  for (let at = 0; at < points.length; at += 4) {
    const alpha = said[at + 3] ?? 0
    const whole = alpha === 0 ? 0 : 255 / alpha
    for (const [to, from] of [2, 1, 0].entries()) points[at + to] = (said[at + from] ?? 0) * whole
    points[at + 3] = alpha
  }
  return points
}

/** Two bits a point: what stays of the screen, and what is turned over. What would turn the screen over is black here. */
function monoOf(body: Bytes, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
  const stride = Math.ceil(width / 8)
  const [stays, turned] = [body.take(stride * height), body.take(stride * height)]
  const points = new Uint8ClampedArray(width * height * 4)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = (bits: Uint8Array) => ((bits[y * stride + (x >> 3)] ?? 0) >> (7 - (x & 7))) & 1
      const at = (y * width + x) * 4
      const [see_through, white] = [bit(stays) === 1, bit(turned) === 1]
      points.fill(white && !see_through ? 255 : 0, at, at + 3)
      points[at + 3] = see_through && !white ? 0 : 255
    }
  }
  return points
}
