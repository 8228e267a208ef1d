/**
 * How memory grows in a guest that runs: by DIMMs of one size, so that base and size alone say which there are, on every host alike.
 */

/** Slots for DIMMs in a guest that may grow. */
export const memorySlots = 16
/** A guest's kernel takes memory in blocks of at most this (Linux on x86: 128 MiB; more in guests beyond 64 GiB). */
const block_mib = 128

/** Of one DIMM, where `base_mib` may become `max_mib`: whole blocks, and no more DIMMs than there are slots. */
export function dimmMib(base_mib: number, max_mib: number): number {
  return Math.max(1, Math.ceil((max_mib - base_mib) / memorySlots / block_mib)) * block_mib
}

/** DIMMs beside the base; null when the size is not made of whole ones. */
export function dimmCount(size_mib: number, base_mib: number, max_mib: number): number | null {
  const count = (size_mib - base_mib) / dimmMib(base_mib, max_mib)
  return Number.isInteger(count) && count >= 0 && size_mib <= max_mib ? count : null
}
