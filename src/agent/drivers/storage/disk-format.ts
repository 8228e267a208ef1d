/**
 * Reads what the agent must know of a disk image from its first bytes, without a program. The qcow2 header is QEMU's
 * docs/interop/qcow2.txt; everything is big-endian.
 */
import { open } from 'node:fs/promises'

export interface DiskHeader {
  readonly format: 'qcow2' | 'raw'
  readonly virtual_bytes: number
  /** As written in the header: relative names are relative to the image's own folder. */
  readonly backing_file: string | null
  readonly external_data_file: boolean
}

const magic = 0x51_46_49_fb
const externalDataBit = 1n << 2n
/** QEMU's own limit for the name. */
const backingNameMax_bytes = 1023

/** Throws when the file cannot be read or its header contradicts itself. */
export async function readDiskHeader(path: string): Promise<DiskHeader> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const head = Buffer.alloc(104)
    const { bytesRead } = await handle.read(head, 0, head.length, 0)
    if (bytesRead < 72 || head.readUInt32BE(0) !== magic) {
      return { format: 'raw', virtual_bytes: size, backing_file: null, external_data_file: false }
    }
    const version = head.readUInt32BE(4)
    const name_offset = Number(head.readBigUInt64BE(8))
    const name_bytes = head.readUInt32BE(16)
    if (name_offset !== 0 && (name_bytes > backingNameMax_bytes || name_offset + name_bytes > size)) {
      throw new Error(`${path} is a damaged qcow2: the name of its backing file lies outside it`)
    }
    let backing_file: string | null = null
    if (name_offset !== 0) {
      const name = Buffer.alloc(name_bytes)
      await handle.read(name, 0, name_bytes, name_offset)
      backing_file = name.toString('utf8')
    }
    return {
      format: 'qcow2',
      virtual_bytes: Number(head.readBigUInt64BE(24)),
      backing_file,
      external_data_file: version >= 3 && bytesRead >= 80 && (head.readBigUInt64BE(72) & externalDataBit) !== 0n,
    }
  } finally {
    await handle.close()
  }
}
