/**
 * SPICE's LZ for pictures: back references in points, not bytes (spice-protocol, image type LZ_RGB). What is written there is the
 * host's word on a guest's screen: nothing of it is trusted to be whole.
 */
import type { Bytes } from './bytes.ts'

const magic = 0x20205a4c
const kinds = { rgb24: 7, rgb32: 8, rgba: 9 } as const
const distance_max = 8191

export interface Picture {
  width: number
  height: number
  /** Four bytes a point: red, green, blue, alpha; from the top down. */
  points: Uint8ClampedArray<ArrayBuffer>
}

/** Throws for what is not a picture of at most `points_max` points in colours. */
export function unpackLz(data: Bytes, points_max: number): Picture {
  if (data.u32be() !== magic) throw new RangeError('a picture that is not packed as it says')
  data.u32be()
  const kind = data.u32be()
  const [width, height] = [data.u32be(), data.u32be()]
  data.u32be()
  const is_top_down = data.u32be() !== 0
  if (width * height > points_max) throw new RangeError(`a picture of ${width}×${height}`)
  if (kind !== kinds.rgb24 && kind !== kinds.rgb32 && kind !== kinds.rgba)
    throw new RangeError(`a picture of kind ${kind}`)
  const packed = new Uint32Array(width * height)
  unpack(data, packed, 1, () => {
    const blue = data.u8()
    const green = data.u8()
    return 0xff000000 | (blue << 16) | (green << 8) | data.u8()
  })
  if (kind === kinds.rgba) {
    const alpha = new Uint32Array(width * height)
    unpack(data, alpha, 3, data.u8)
    for (let n = 0; n < packed.length; n++) packed[n] = ((packed[n] ?? 0) & 0xffffff) | ((alpha[n] ?? 0) << 24)
  }
  const points = new Uint8ClampedArray(packed.buffer)
  return { width, height, points: is_top_down ? points : upsideDown(points, width * 4) }
}

/** `bias`: how much shorter a reference's length is written than it is; what is worth referring to depends on a point's size. */
function unpack(data: Bytes, points: Uint32Array, bias: number, point: () => number): void {
  let at = 0
  while (at < points.length) {
    const control = data.u8()
    if (control < 32) {
      for (let left = Math.min(control + 1, points.length - at); left > 0; left--) points[at++] = point()
      continue
    }
    let length = (control >> 5) - 1
    if (length === 6) {
      for (let more = 255; more === 255; length += more) more = data.u8()
    }
    const low = data.u8()
    let back = ((control & 31) << 8) + low
    if (low === 255 && back === distance_max) {
      back = data.u8() << 8
      back += data.u8() + distance_max
    }
    back += 1
    if (back > at) throw new RangeError('a picture that refers to what was before it')
    for (let left = Math.min(length + bias, points.length - at); left > 0; left--, at++)
      points[at] = points[at - back] ?? 0
  }
}

export function upsideDown(points: Uint8ClampedArray<ArrayBuffer>, stride: number): Uint8ClampedArray<ArrayBuffer> {
  const turned = new Uint8ClampedArray(points.length)
  for (let at = 0; at < points.length; at += stride)
    turned.set(points.subarray(at, at + stride), points.length - at - stride)
  return turned
}
