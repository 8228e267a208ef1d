/** The header of VirtualBox's VDI, version 1.1. Format: as VirtualBox and QEMU (block/vdi.c) read it. */
import { DiskImageError, malformed } from './error.ts'
import type { DiskHeader } from './header.ts'
import { type Reader, requireRange, safeNumber } from './reader.ts'

const imageType = { dynamic: 1, fixed: 2 } as const
const block_size_bytes = 1024 * 1024

export async function readVdi(reader: Reader): Promise<DiskHeader> {
  requireRange(reader, 0, 512, 'header')
  const header = await reader.read(0, 512)
  const version = header.readUInt32LE(0x44)
  if (version !== 0x00010001) throw malformed('vdi', `version 0x${version.toString(16)} is not known`)
  const type = header.readUInt32LE(0x4c)
  const hasParent = header.subarray(0x1a8, 0x1c8).some(byte => byte !== 0)
  if (hasParent || (type !== imageType.dynamic && type !== imageType.fixed)) {
    throw new DiskImageError(
      'backing_file',
      'The image is only the difference to another disk (a VirtualBox snapshot), which is never followed. ' +
        "Make a whole disk of it with 'VBoxManage clonemedium DISK.vdi NEW.vdi' and upload that.",
    )
  }
  const map_offset = header.readUInt32LE(0x154)
  const data_offset = header.readUInt32LE(0x158)
  const virtual_size_bytes = safeNumber(header.readBigUInt64LE(0x170))
  const blocks = header.readUInt32LE(0x180)
  const allocated = header.readUInt32LE(0x184)
  if (header.readUInt32LE(0x178) !== block_size_bytes) throw malformed('vdi', 'its blocks are not of 1 MiB')
  if (virtual_size_bytes > blocks * block_size_bytes) throw malformed('vdi', 'it has too few blocks for its size')
  if (allocated > blocks) throw malformed('vdi', 'it has more blocks in use than there are')
  requireRange(reader, map_offset, blocks * 4, 'block map')
  if (data_offset < map_offset + blocks * 4) throw malformed('vdi', 'its data overlaps its block map')
  return {
    format: 'vdi',
    virtual_size_bytes,
    variant: type === imageType.fixed ? 'fixed' : 'dynamic',
    cluster_size_bytes: block_size_bytes,
  }
}
