/**
 * The header and the embedded descriptor of VMware's single-file sparse disks, also stream-optimised. A descriptor may
 * name other files: those images are refused. Format: VMware, "Virtual Disk Format 1.1"; where QEMU reads it
 * differently (block/vmdk.c: capacity 0, the footer), the stricter of both.
 */
import { DiskImageError, malformed } from './error.ts'
import type { DiskHeader } from './header.ts'
import { type Reader, requireRange, safeNumber } from './reader.ts'

const sector = 512
const at_end = 0xffffffffffffffffn
const flag_compressed = 1 << 16
const no_parent = 'ffffffff'

const limits = {
  descriptor_bytes: 256 * 1024,
  grain_sectors: 128 * 1024,
  /** QEMU's own limit. */
  entries_per_table: 512,
  directory_bytes: 512 * 1024 * 1024,
} as const

interface Fields {
  version: number
  flags: number
  capacity_sectors: number
  grain_sectors: number
  descriptor_offset: number
  descriptor_bytes: number
  entries_per_table: number
  directory_offset: bigint
}

export async function readVmdk(reader: Reader): Promise<DiskHeader> {
  requireRange(reader, 0, sector, 'header')
  let fields = parse(await reader.read(0, sector))
  const descriptor = await readDescriptor(reader, fields)
  const variant = checkDescriptor(descriptor)
  if (fields.directory_offset === at_end) fields = await readFooter(reader, fields)
  check(reader, fields)
  return {
    format: 'vmdk',
    virtual_size_bytes: fields.capacity_sectors * sector,
    variant: variant === 'streamoptimized' ? 'stream-optimized' : 'sparse',
    cluster_size_bytes: fields.grain_sectors * sector,
  }
}

function parse(header: Buffer): Fields {
  return {
    version: header.readUInt32LE(4),
    flags: header.readUInt32LE(8),
    capacity_sectors: safeNumber(header.readBigUInt64LE(12)),
    grain_sectors: safeNumber(header.readBigUInt64LE(20)),
    descriptor_offset: safeNumber(header.readBigUInt64LE(28)) * sector,
    descriptor_bytes: safeNumber(header.readBigUInt64LE(36)) * sector,
    entries_per_table: header.readUInt32LE(44),
    directory_offset: header.readBigUInt64LE(56),
  }
}

async function readDescriptor(reader: Reader, fields: Fields): Promise<string> {
  const { descriptor_offset, descriptor_bytes } = fields
  // Capacity 0 makes QEMU take the descriptor as a list of other files.
  if (fields.capacity_sectors === 0) throw elsewhere('it has no data of its own')
  if (descriptor_offset === 0 || descriptor_bytes === 0) {
    throw elsewhere('it is one part of a disk in several files, without the descriptor')
  }
  if (descriptor_bytes > limits.descriptor_bytes) {
    throw malformed('vmdk', `its descriptor claims ${descriptor_bytes} bytes`)
  }
  requireRange(reader, descriptor_offset, descriptor_bytes, 'descriptor')
  const text = (await reader.read(descriptor_offset, descriptor_bytes)).toString('latin1')
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

/** Returns the createType in small letters. */
function checkDescriptor(text: string): string {
  const lines = text.split(/\r?\n|\r/).map(line => line.trim())
  const valuesOf = (key: string): string[] =>
    lines
      .filter(line => line.toLowerCase().startsWith(key) && /^\s*=/.test(line.slice(key.length)))
      .map(line =>
        line
          .slice(line.indexOf('=') + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1')
          .toLowerCase(),
      )
  const parents = valuesOf('parentcid').filter(value => value !== no_parent)
  if (parents.length > 0 || valuesOf('parentfilenamehint').length > 0) {
    throw new DiskImageError(
      'backing_file',
      'The image is only the difference to another disk (it has a parent), which is never followed. ' +
        "Flatten it with 'qemu-img convert -O qcow2 DISK.vmdk NEW.qcow2' and upload the result.",
    )
  }
  const types = valuesOf('createtype')
  const [type] = types
  if (types.length !== 1 || (type !== 'monolithicsparse' && type !== 'streamoptimized')) {
    throw elsewhere(`its type is '${types.join(', ') || 'missing'}'`)
  }
  const extents = lines.filter(line => /^(RW|RDONLY|NOACCESS)\s/i.test(line))
  for (const line of extents) {
    const [, kind, name] = /^(?:RW|RDONLY)\s+\d+\s+(\S+)\s+"([^"]*)"/i.exec(line) ?? []
    const isOwn = kind?.toUpperCase() === 'SPARSE' && name !== undefined && !/[/\\:]|^\.{0,2}$/.test(name)
    if (!isOwn) throw elsewhere(`its descriptor says ${JSON.stringify(line.slice(0, 100))}`)
  }
  if (extents.length !== 1) throw elsewhere(`its descriptor names ${extents.length} extents`)
  return type
}

function elsewhere(why: string): DiskImageError {
  return new DiskImageError(
    'external_extent',
    `The VMware disk is not whole in this one file: ${why}. Other files are never followed. ` +
      "Make one file of it with 'qemu-img convert -O qcow2 DISK.vmdk NEW.qcow2' and upload that.",
  )
}

/** A stream-optimised disk repeats its header at the end, and readers take that one. */
async function readFooter(reader: Reader, first: Fields): Promise<Fields> {
  requireRange(reader, 0, 4 * sector, 'footer')
  const header = await reader.read(reader.size_bytes - 2 * sector, sector)
  if (header.toString('latin1', 0, 4) !== 'KDMV')
    throw malformed('vmdk', 'its footer is missing; it was not copied whole')
  const footer = parse(header)
  const same = footer.capacity_sectors === first.capacity_sectors && footer.grain_sectors === first.grain_sectors
  if (!same || footer.flags !== first.flags) throw malformed('vmdk', 'its footer contradicts its header')
  return footer
}

function check(reader: Reader, fields: Fields): void {
  const { grain_sectors, capacity_sectors, entries_per_table } = fields
  if (fields.version < 1 || fields.version > 3) throw malformed('vmdk', `version ${fields.version} is not known`)
  const isPower = Number.isFinite(grain_sectors) && Number.isInteger(Math.log2(grain_sectors))
  if (!isPower || grain_sectors < 8 || grain_sectors > limits.grain_sectors) {
    throw malformed('vmdk', `grains of ${grain_sectors} sectors are not allowed`)
  }
  if (entries_per_table < 1 || entries_per_table > limits.entries_per_table) {
    throw malformed('vmdk', `tables of ${entries_per_table} entries are not allowed`)
  }
  if (!Number.isFinite(capacity_sectors)) throw malformed('vmdk', 'its capacity is absurd')
  const tables = Math.ceil(capacity_sectors / (grain_sectors * entries_per_table))
  if (tables * 4 > limits.directory_bytes) throw malformed('vmdk', 'its directory would be absurdly large')
  const isCompressed = (fields.flags & flag_compressed) !== 0
  const directory = safeNumber(fields.directory_offset) * sector
  // A stream whose footer is missing too has no directory at all.
  if (directory === 0 || !Number.isFinite(directory)) throw malformed('vmdk', 'it has no directory')
  requireRange(reader, directory, Math.min(tables * 4, isCompressed ? sector : tables * 4), 'directory')
}
