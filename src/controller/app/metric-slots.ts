/**
 * Memory for the numbers of a hundred thousand resources, cut out of large buffers: one for each would take more than the numbers do
 * (some 200 bytes of V8 and the allocator), and V8 would follow them all whenever it collects.
 */

/** A piece of a buffer. Its numbers are of whoever had it before until they are written. */
export interface Slot {
  readonly buffer: ArrayBuffer
  readonly byte_offset: number
  readonly bytes: number
}

const slab_bytes = 256 * 1024

export class MetricSlots {
  private slab = new ArrayBuffer(0)
  private used = 0
  /** Given back, by size: resources are of few kinds, and what one leaves the next takes. */
  private readonly free = new Map<number, Slot[]>()

  take(bytes: number): Slot {
    const wanted = Math.ceil(bytes / 8) * 8
    return this.free.get(wanted)?.pop() ?? this.cut(wanted)
  }

  /** Nobody may look at its numbers any more. */
  give(slot: Slot): void {
    const alike = this.free.get(slot.bytes)
    if (alike) alike.push(slot)
    else this.free.set(slot.bytes, [slot])
  }

  private cut(bytes: number): Slot {
    if (this.used + bytes > this.slab.byteLength) {
      this.slab = new ArrayBuffer(Math.max(slab_bytes, bytes))
      this.used = 0
    }
    const slot = { buffer: this.slab, byte_offset: this.used, bytes }
    this.used += bytes
    return slot
  }
}
