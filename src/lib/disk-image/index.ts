/** Disk images from strangers: what they are, whether they are safe, and a clean copy. Usable alone; needs qemu-img. */
export { normalise, type NormaliseOptions } from './convert.ts'
export { DiskImageError, type DiskImageErrorCode } from './error.ts'
export { type DiskFormat, type DiskHeader, readHeader } from './header.ts'
export { type DiskImage, inspect, type InspectOptions } from './inspect.ts'
export type { Reader } from './reader.ts'
