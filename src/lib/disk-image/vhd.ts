/** The footer and header of Microsoft's VHD. Format: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0. */
import { DiskImageError, malformed } from './error.ts'
import type { DiskHeader } from './header.ts'
import { type Reader, requireRange, safeNumber } from './reader.ts'

const diskType = { fixed: 2, dynamic: 3, differencing: 4 } as const
const footer_bytes = 512

/** A VHD that begins with a copy of its footer: dynamic, or the difference to another. */
export async function readVhd(reader: Reader): Promise<DiskHeader> {
  requireRange(reader, 0, footer_bytes, 'header')
  const footer = await reader.read(0, footer_bytes)
  if (!isFooter(footer)) throw malformed('vhd', 'the checksum of its header is wrong')
  const type = footer.readUInt32BE(60)
  if (type === diskType.differencing) {
    throw new DiskImageError(
      'backing_file',
      'The image is only the difference to another disk (a differencing VHD), which is never followed. ' +
        'Merge it with its parent (Convert-VHD) and upload the result.',
    )
  }
  if (type !== diskType.dynamic) throw malformed('vhd', `its type ${type} does not go with a header in front`)
  const virtual_size_bytes = safeNumber(footer.readBigUInt64BE(48))
  const header_offset = safeNumber(footer.readBigUInt64BE(16))
  requireRange(reader, header_offset, 1024, 'second header')
  const header = await reader.read(header_offset, 1024)
  if (header.toString('latin1', 0, 8) !== 'cxsparse') throw malformed('vhd', 'its second header is missing')
  const table_offset = safeNumber(header.readBigUInt64BE(16))
  const entries = header.readUInt32BE(28)
  const block = header.readUInt32BE(32)
  if (block < 4096 || block > 256 * 1024 * 1024 || !Number.isInteger(Math.log2(block))) {
    throw malformed('vhd', `blocks of ${block} bytes are not allowed`)
  }
  if (virtual_size_bytes > entries * block) throw malformed('vhd', 'it has too few blocks for its size')
  requireRange(reader, table_offset, entries * 4, 'block table')
  return { format: 'vhd', virtual_size_bytes, variant: 'dynamic', cluster_size_bytes: block }
}

/** A raw disk with a footer of VHD behind it, or undefined. */
export async function readFixedVhd(reader: Reader): Promise<DiskHeader | undefined> {
  if (reader.size_bytes < 2 * footer_bytes) return undefined
  const footer = await reader.read(reader.size_bytes - footer_bytes, footer_bytes)
  if (!isFooter(footer) || footer.readUInt32BE(60) !== diskType.fixed) return undefined
  const virtual_size_bytes = safeNumber(footer.readBigUInt64BE(48))
  if (virtual_size_bytes !== reader.size_bytes - footer_bytes) {
    throw malformed(
      'vhd',
      `it claims ${virtual_size_bytes} bytes of disk but holds ${reader.size_bytes - footer_bytes}`,
    )
  }
  return { format: 'vhd', virtual_size_bytes, variant: 'fixed' }
}

/** The checksum is the complement of the sum of all bytes but its own. */
function isFooter(footer: Buffer): boolean {
  if (footer.toString('latin1', 0, 8) !== 'conectix') return false
  let sum = 0
  for (const [index, byte] of footer.entries()) if (index < 64 || index >= 68) sum += byte
  return ~sum >>> 0 === footer.readUInt32BE(64)
}
