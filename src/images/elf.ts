/**
 * What the builder must know of ELF files: the shared libraries a program asks for, its interpreter, and the modules a
 * kernel module depends on. Trusted input: files from signed packages. Format: System V ABI, chapters 4 and 5.
 */

export interface Needs {
  /** The dynamic loader, such as /lib64/ld-linux-x86-64.so.2. */
  interpreter: string | undefined
  /** Names of shared libraries, such as libc.so.6. */
  libraries: string[]
}

const segmentType = { load: 1, dynamic: 2, interpreter: 3 } as const
const dynamicTag = { end: 0, needed: 1, string_table: 5 } as const

interface Segment {
  type: number
  offset: number
  address: number
  size: number
}

/** Reads a 64-bit little-endian ELF program or library. */
export function elfNeeds(file: Buffer): Needs {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) throw new Error('not a 64-bit ELF file')
  const segments = readSegments(file)
  const interpreter = segments.find(one => one.type === segmentType.interpreter)
  const dynamic = segments.find(one => one.type === segmentType.dynamic)
  const names: number[] = []
  let table = 0
  for (let at = dynamic?.offset ?? 0, end = at + (dynamic?.size ?? 0); at < end; at += 16) {
    const tag = Number(file.readBigInt64LE(at))
    const value = Number(file.readBigUInt64LE(at + 8))
    if (tag === dynamicTag.end) break
    if (tag === dynamicTag.needed) names.push(value)
    if (tag === dynamicTag.string_table) table = fileOffset(segments, value)
  }
  return {
    interpreter: interpreter && textAt(file, interpreter.offset),
    libraries: names.map(name => textAt(file, table + name)),
  }
}

/** The names in a kernel module's "depends=" record (modinfo), with dashes as in file names left as they are. */
export function moduleDepends(file: Buffer): string[] {
  const at = file.indexOf('\0depends=')
  if (at < 0) return []
  return textAt(file, at + '\0depends='.length)
    .split(',')
    .filter(Boolean)
}

function readSegments(file: Buffer): Segment[] {
  const start = Number(file.readBigUInt64LE(32))
  const size = file.readUInt16LE(54)
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      size: Number(file.readBigUInt64LE(at + 32)),
    }
  })
}

function fileOffset(segments: readonly Segment[], address: number): number {
  const holder = segments.find(
    one => one.type === segmentType.load && address >= one.address && address < one.address + one.size,
  )
  if (!holder) throw new Error(`no segment holds address ${address}`)
  return address - holder.address + holder.offset
}

function textAt(file: Buffer, offset: number): string {
  return file.toString('latin1', offset, file.indexOf(0, offset))
}
