/**
 * The header of qcow2, versions 2 and 3, and what in it must not be trusted. Format: QEMU's docs/interop/qcow2.txt.
 */
import { DiskImageError, malformed } from './error.ts'
import type { DiskHeader } from './header.ts'
import { type Reader, requireRange, safeNumber } from './reader.ts'

const incompatible = { dirty: 1n, corrupt: 2n, data_file: 4n, compression: 8n, extended_l2: 16n } as const
const known_incompatible = 31n

const extensionType = { end: 0, data_file: 0x44415441, full_disk_encryption: 0x0537be77 } as const

const limits = {
  cluster_bits_min: 9,
  cluster_bits_max: 21,
  /** QEMU's own limits on these tables. */
  l1_bytes: 32 * 1024 * 1024,
  refcount_table_bytes: 8 * 1024 * 1024,
  extensions: 64,
  /** Snapshots are dropped on conversion; more than this many is no honest image. */
  snapshots: 1024,
} as const

interface Fields {
  version: number
  backing_offset: bigint
  cluster_bits: number
  size_bytes: number
  crypt_method: number
  l1_entries: number
  l1_offset: number
  refcount_offset: number
  refcount_clusters: number
  snapshots: number
  snapshots_offset: number
  incompatible_features: bigint
  refcount_order: number
  header_length: number
  compression_type: number
}

export async function readQcow2(reader: Reader): Promise<DiskHeader> {
  const fields = await readFields(reader)
  refuseOutside(fields)
  checkShape(reader, fields)
  checkTables(reader, fields)
  await checkExtensions(reader, fields)
  return {
    format: 'qcow2',
    virtual_size_bytes: fields.size_bytes,
    variant: String(fields.version),
    cluster_size_bytes: 2 ** fields.cluster_bits,
  }
}

async function readFields(reader: Reader): Promise<Fields> {
  requireRange(reader, 0, 72, 'header')
  const old = await reader.read(0, 72)
  const version = old.readUInt32BE(4)
  if (version !== 2 && version !== 3) {
    throw new DiskImageError(
      'unsupported_format',
      `The image is qcow version ${version}; versions 2 and 3 are taken. Convert it with 'qemu-img convert -O qcow2'.`,
      { version },
    )
  }
  const isNew = version === 3
  if (isNew) requireRange(reader, 0, 104, 'header')
  const more = isNew ? await reader.read(72, 32) : undefined
  const header_length = more?.readUInt32BE(28) ?? 72
  const compression_type = header_length > 104 ? await readByte(reader, 104) : 0
  return {
    version,
    backing_offset: old.readBigUInt64BE(8),
    cluster_bits: old.readUInt32BE(20),
    size_bytes: safeNumber(old.readBigUInt64BE(24)),
    crypt_method: old.readUInt32BE(32),
    l1_entries: old.readUInt32BE(36),
    l1_offset: safeNumber(old.readBigUInt64BE(40)),
    refcount_offset: safeNumber(old.readBigUInt64BE(48)),
    refcount_clusters: old.readUInt32BE(56),
    snapshots: old.readUInt32BE(60),
    snapshots_offset: safeNumber(old.readBigUInt64BE(64)),
    incompatible_features: more?.readBigUInt64BE(0) ?? 0n,
    refcount_order: more?.readUInt32BE(24) ?? 4,
    header_length,
    compression_type,
  }
}

async function readByte(reader: Reader, offset: number): Promise<number> {
  return (await reader.read(offset, 1))[0] ?? 0
}

/** All that would bring in content from elsewhere, or needs what is not here. */
function refuseOutside(fields: Fields): void {
  if (fields.backing_offset !== 0n) {
    throw new DiskImageError(
      'backing_file',
      'The image is only the difference to another image (it has a backing file), which is never followed. ' +
        "Flatten it with 'qemu-img convert -O qcow2 IMAGE NEW.qcow2' and upload the result.",
    )
  }
  if ((fields.incompatible_features & incompatible.data_file) !== 0n) throw externalDataFile()
  if (fields.crypt_method !== 0) throw encrypted()
  const unknown = fields.incompatible_features & ~known_incompatible
  if (unknown !== 0n) {
    throw new DiskImageError(
      'unknown_feature',
      `The image uses features of qcow2 that are not known here (bits 0x${unknown.toString(16)}). ` +
        "Convert it with 'qemu-img convert -O qcow2 -o compat=1.1 IMAGE NEW.qcow2' where it was made.",
      { bits: unknown.toString(16) },
    )
  }
  if ((fields.incompatible_features & incompatible.corrupt) !== 0n) {
    const advice = "Repair it with 'qemu-img check -r all IMAGE' where it was made"
    throw new DiskImageError('corrupt', `The image is marked as damaged. ${advice}.`)
  }
}

function externalDataFile(): DiskImageError {
  return new DiskImageError(
    'external_data_file',
    'The image keeps its data in another file, which is never followed. ' +
      "Make one file of it with 'qemu-img convert -O qcow2 IMAGE NEW.qcow2' and upload that.",
  )
}

function encrypted(): DiskImageError {
  return new DiskImageError(
    'encrypted',
    'The image is encrypted and its key is not here. Upload it decrypted; volumes can be encrypted by the cloud itself.',
  )
}

function checkShape(reader: Reader, fields: Fields): void {
  const { cluster_bits, header_length } = fields
  if (cluster_bits < limits.cluster_bits_min || cluster_bits > limits.cluster_bits_max) {
    throw malformed('qcow2', `clusters of 2^${cluster_bits} bytes are not allowed`, { cluster_bits })
  }
  if (fields.version === 3 && (header_length < 104 || header_length > 2 ** cluster_bits || header_length % 8 !== 0)) {
    throw malformed('qcow2', `its header claims ${header_length} bytes`, { header_length })
  }
  if (fields.refcount_order > 6) {
    throw malformed('qcow2', `reference counts of 2^${fields.refcount_order} bits are not allowed`)
  }
  const usesCompression = (fields.incompatible_features & incompatible.compression) !== 0n
  if (fields.compression_type > 1 || usesCompression !== (fields.compression_type !== 0)) {
    throw malformed('qcow2', `its compression type ${fields.compression_type} does not fit its features`)
  }
  requireRange(reader, 0, header_length, 'header')
}

function checkTables(reader: Reader, fields: Fields): void {
  const cluster = 2 ** fields.cluster_bits
  const isExtended = (fields.incompatible_features & incompatible.extended_l2) !== 0n
  const bytesPerL1Entry = cluster * (cluster / (isExtended ? 16 : 8))
  const needed = Math.ceil(fields.size_bytes / bytesPerL1Entry)
  const l1_bytes = fields.l1_entries * 8
  if (l1_bytes > limits.l1_bytes) throw malformed('qcow2', `its first table has ${fields.l1_entries} entries`)
  if (!Number.isFinite(needed) || needed > fields.l1_entries) {
    throw malformed('qcow2', 'its first table is too small for the size of disk it claims')
  }
  if (l1_bytes > 0) checkPlace(reader, fields.l1_offset, l1_bytes, cluster, 'first table')
  const refcount_bytes = fields.refcount_clusters * cluster
  if (refcount_bytes > limits.refcount_table_bytes)
    throw malformed('qcow2', 'its table of reference counts is absurdly large')
  if (refcount_bytes > 0) checkPlace(reader, fields.refcount_offset, 8, cluster, 'table of reference counts')
  if (fields.snapshots > limits.snapshots) throw malformed('qcow2', `it claims ${fields.snapshots} snapshots`)
  // The shortest entry of the snapshot table is 40 bytes.
  if (fields.snapshots > 0)
    checkPlace(reader, fields.snapshots_offset, fields.snapshots * 40, cluster, 'snapshot table')
}

function checkPlace(reader: Reader, offset: number, length: number, cluster: number, what: string): void {
  requireRange(reader, offset, length, what)
  if (offset === 0 || offset % cluster !== 0) throw malformed('qcow2', `its ${what} is not where a cluster begins`)
}

async function checkExtensions(reader: Reader, fields: Fields): Promise<void> {
  const end = Math.min(2 ** fields.cluster_bits, reader.size_bytes)
  let at = fields.header_length
  for (let count = 0; at + 8 <= end; count++) {
    if (count >= limits.extensions) throw malformed('qcow2', 'its header has too many extensions')
    const head = await reader.read(at, 8)
    const type = head.readUInt32BE(0)
    const length = head.readUInt32BE(4)
    if (type === extensionType.end) return
    if (type === extensionType.data_file) throw externalDataFile()
    if (type === extensionType.full_disk_encryption) throw encrypted()
    at += 8 + Math.ceil(length / 8) * 8
    if (at > end) throw malformed('qcow2', 'an extension of its header reaches beyond the first cluster')
  }
}
