/** Reading and writing what SPICE says: little-endian throughout (spice-protocol, "Common"). A message that is too short throws RangeError. */

export class Bytes {
  readonly #view: DataView
  readonly all: Uint8Array
  at = 0

  constructor(all: Uint8Array) {
    this.all = all
    this.#view = new DataView(all.buffer, all.byteOffset, all.byteLength)
  }

  u8 = () => this.#view.getUint8(this.#step(1))
  u16 = () => this.#view.getUint16(this.#step(2), true)
  i16 = () => this.#view.getInt16(this.#step(2), true)
  u32 = () => this.#view.getUint32(this.#step(4), true)
  i32 = () => this.#view.getInt32(this.#step(4), true)
  /** As two halves; only ever compared. */
  u64 = () => `${this.u32()} ${this.u32()}`
  /** Some image formats have their numbers the other way round. */
  u32be = () => this.#view.getUint32(this.#step(4), false)

  take(count: number): Uint8Array {
    const from = this.#step(count)
    if (from + count > this.all.length) throw new RangeError(`${count} bytes are not there`)
    return this.all.subarray(from, from + count)
  }

  get left(): number {
    return this.all.length - this.at
  }

  #step(count: number): number {
    const from = this.at
    this.at += count
    return from
  }
}

/** What messages go out by; a SpiceChannel is one. */
export interface Outlet {
  send(type: number, body?: Uint8Array): void
}

type Field = readonly [width: 1 | 2 | 4, value: number]

export const u8 = (value: number): Field => [1, value]
export const u16 = (value: number): Field => [2, value]
export const u32 = (value: number): Field => [4, value]

export function pack(...fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0))
  const view = new DataView(all.buffer)
  let at = 0
  for (const [width, value] of fields) {
    if (width === 1) view.setUint8(at, value)
    else if (width === 2) view.setUint16(at, value, true)
    else view.setUint32(at, value, true)
    at += width
  }
  return all
}
