/**
 * Tells a disk image's format by its content and reads its header with own, bounded parsing. Refuses whatever would
 * make a reader follow it elsewhere: images come from strangers. Not its job: data behind the header, qemu-img
 * (inspect.ts).
 */
import { DiskImageError } from './error.ts'
import { readQcow2 } from './qcow2.ts'
import type { Reader } from './reader.ts'
import { readVdi } from './vdi.ts'
import { readFixedVhd, readVhd } from './vhd.ts'
import { readVhdx } from './vhdx.ts'
import { readVmdk } from './vmdk.ts'

export type DiskFormat = 'qcow2' | 'vmdk' | 'vdi' | 'vhd' | 'vhdx' | 'iso' | 'raw'

export interface DiskHeader {
  format: DiskFormat
  /** The disk that a guest sees. */
  virtual_size_bytes: number
  /** Of the format, such as '3' of qcow2 or 'stream-optimized' of vmdk. */
  variant?: string
  cluster_size_bytes?: number
  /** Only of raw images. */
  partition_table?: 'gpt' | 'mbr' | 'none'
}

const packed: readonly { name: string; at: number; magic: Buffer; unpack: string }[] = [
  { name: 'gzip', at: 0, magic: Buffer.from([0x1f, 0x8b]), unpack: 'gunzip' },
  { name: 'xz', at: 0, magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), unpack: 'unxz' },
  { name: 'zstd', at: 0, magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), unpack: 'unzstd' },
  { name: 'bzip2', at: 0, magic: Buffer.from('BZh'), unpack: 'bunzip2' },
  { name: 'lz4', at: 0, magic: Buffer.from([0x04, 0x22, 0x4d, 0x18]), unpack: 'unlz4' },
  { name: 'zip', at: 0, magic: Buffer.from('PK\x03\x04', 'latin1'), unpack: 'unzip' },
  { name: '7z', at: 0, magic: Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]), unpack: '7z x' },
  { name: 'tar (or OVA)', at: 257, magic: Buffer.from('ustar'), unpack: 'tar -xf' },
]

/** Formats that other programs would recognise: taken as raw, such an image would be read in two ways. */
const unsupported: readonly { name: string; magic: Buffer }[] = [
  { name: 'QED', magic: Buffer.from('QED\0') },
  { name: 'Parallels', magic: Buffer.from('WithoutFreeSpace') },
  { name: 'Parallels', magic: Buffer.from('WithouFreSpacExt') },
  { name: 'VMware COWD', magic: Buffer.from('COWD') },
  { name: 'Bochs', magic: Buffer.from('Bochs Virtual HD Image') },
  { name: 'cloop', magic: Buffer.from('#!/bin/sh\n#V2.0 Format') },
]

const iso_offset = 32769

/** Reads what the image says of itself. Throws DiskImageError for all that is refused. */
export async function readHeader(reader: Reader): Promise<DiskHeader> {
  if (reader.size_bytes === 0) throw new DiskImageError('empty', 'The image is empty: nothing was uploaded.')
  const head = await reader.read(0, Math.min(reader.size_bytes, 1024))
  refusePacked(head)
  refuseUnsupported(head)
  if (startsWith(head, Buffer.from('QFI\xfb', 'latin1'))) return readQcow2(reader)
  if (startsWith(head, Buffer.from('KDMV'))) return readVmdk(reader)
  if (isVmwareDescriptor(head.toString('latin1'))) throw descriptorOnly()
  if (head.length >= 68 && head.readUInt32LE(64) === 0xbeda107f) return readVdi(reader)
  if (startsWith(head, Buffer.from('vhdxfile'))) return readVhdx(reader)
  if (startsWith(head, Buffer.from('conectix'))) return readVhd(reader)
  const fixed = await readFixedVhd(reader)
  if (fixed) return fixed
  await refuseDmg(reader)
  return readRaw(reader, head)
}

function startsWith(head: Buffer, magic: Buffer): boolean {
  return head.subarray(0, magic.length).equals(magic)
}

/** Also what only QEMU takes for one: comments and blank lines, then a version. */
function isVmwareDescriptor(text: string): boolean {
  if (/^# Disk Descriptor ?File/im.test(text)) return text.trimStart().startsWith('#')
  const first = text.split('\n').find(line => line.trim() !== '' && !line.startsWith('#'))
  return first !== undefined && /^version=\d\r?$/i.test(first)
}

function refusePacked(head: Buffer): void {
  const found = packed.find(({ at, magic }) => head.subarray(at, at + magic.length).equals(magic))
  if (!found) return
  const advice = `unpack it ('${found.unpack}') and upload the disk image inside`
  throw new DiskImageError('packed', `This is a ${found.name} file, not a disk image: ${advice}.`, { kind: found.name })
}

function refuseUnsupported(head: Buffer): void {
  if (startsWith(head, Buffer.from('LUKS\xba\xbe', 'latin1'))) {
    const advice = 'Upload it decrypted; volumes can be encrypted by the cloud itself'
    throw new DiskImageError('encrypted', `The image is a LUKS container, whose key is not here. ${advice}.`)
  }
  const found = unsupported.find(({ magic }) => startsWith(head, magic))
  if (found) throw unsupportedFormat(found.name)
}

async function refuseDmg(reader: Reader): Promise<void> {
  if (reader.size_bytes < 512) return
  const tail = await reader.read(reader.size_bytes - 512, 4)
  if (tail.toString('latin1') === 'koly') throw unsupportedFormat('Apple disk image (dmg)')
}

function unsupportedFormat(name: string): DiskImageError {
  const advice = "convert it with 'qemu-img convert -O qcow2 IMAGE NEW.qcow2' and upload the result"
  return new DiskImageError('unsupported_format', `Images in ${name} format are not taken: ${advice}.`, {
    format: name,
  })
}

function descriptorOnly(): DiskImageError {
  return new DiskImageError(
    'external_extent',
    'This is only the descriptor of a VMware disk; its data is in other files, which are never followed. ' +
      "Make one file of it with 'qemu-img convert -O qcow2 DISK.vmdk NEW.qcow2' and upload that.",
  )
}

async function readRaw(reader: Reader, head: Buffer): Promise<DiskHeader> {
  const virtual_size_bytes = reader.size_bytes
  if (reader.size_bytes >= iso_offset + 5) {
    const mark = await reader.read(iso_offset, 5)
    if (mark.toString('latin1') === 'CD001') return { format: 'iso', virtual_size_bytes }
  }
  const hasTable = head.length >= 512 && head.readUInt16BE(510) === 0x55aa
  const isGpt = head.length >= 520 && head.toString('latin1', 512, 520) === 'EFI PART'
  return { format: 'raw', virtual_size_bytes, partition_table: isGpt ? 'gpt' : hasTable ? 'mbr' : 'none' }
}
