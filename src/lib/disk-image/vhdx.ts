/** The tables of Microsoft's VHDX that say size and parent. Format: [MS-VHDX], sections 2.2 and 2.6. */
import { DiskImageError, malformed } from './error.ts'
import type { DiskHeader } from './header.ts'
import { type Reader, requireRange, safeNumber } from './reader.ts'

const region_tables = [192 * 1024, 256 * 1024] as const
const table_bytes = 64 * 1024
const most_entries = 2047

const guid = {
  metadata: '06a27c8b90479a4bb8fe575f050f886e',
  file_parameters: '3767a1ca36fa434db3b633f0aa44e76b',
  virtual_disk_size: '2442a52f1bcd7648b2115dbed83bf4b8',
} as const

const has_parent = 2

export async function readVhdx(reader: Reader): Promise<DiskHeader> {
  const metadata = await findRegion(reader)
  const table = await reader.read(metadata, table_bytes)
  if (table.toString('latin1', 0, 8) !== 'metadata') throw malformed('vhdx', 'its metadata is missing')
  const count = Math.min(table.readUInt16LE(10), most_entries)
  let parameters: Buffer | undefined
  let size: Buffer | undefined
  for (let index = 0; index < count; index++) {
    const entry = table.subarray(32 + index * 32, 64 + index * 32)
    const item = metadata + entry.readUInt32LE(16)
    const id = entry.toString('hex', 0, 16)
    if (id === guid.file_parameters) parameters = await reader.read(item, 8)
    if (id === guid.virtual_disk_size) size = await reader.read(item, 8)
  }
  if (!parameters || !size) throw malformed('vhdx', 'its metadata does not say how large it is')
  if ((parameters.readUInt32LE(4) & has_parent) !== 0) {
    throw new DiskImageError(
      'backing_file',
      'The image is only the difference to another disk (a differencing VHDX), which is never followed. ' +
        'Merge it with its parent (Convert-VHD) and upload the result.',
    )
  }
  const block = parameters.readUInt32LE(0)
  const mib = block / (1024 * 1024)
  if (mib < 1 || mib > 256 || !Number.isInteger(Math.log2(mib))) {
    throw malformed('vhdx', `blocks of ${block} bytes are not allowed`)
  }
  return { format: 'vhdx', virtual_size_bytes: safeNumber(size.readBigUInt64LE(0)), cluster_size_bytes: block }
}

/** Where the metadata region begins. The region table is kept twice; the first sound one counts. */
async function findRegion(reader: Reader): Promise<number> {
  for (const offset of region_tables) {
    requireRange(reader, offset, table_bytes, 'region table')
    const table = await reader.read(offset, table_bytes)
    if (table.toString('latin1', 0, 4) !== 'regi') continue
    const count = Math.min(table.readUInt32LE(8), most_entries)
    for (let index = 0; index < count; index++) {
      const entry = table.subarray(16 + index * 32, 48 + index * 32)
      if (entry.toString('hex', 0, 16) !== guid.metadata) continue
      const at = safeNumber(entry.readBigUInt64LE(16))
      requireRange(reader, at, table_bytes, 'metadata')
      return at
    }
  }
  throw malformed('vhdx', 'its region table does not name its metadata')
}
