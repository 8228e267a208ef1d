/** Small sound images of each format, made byte by byte, and a reader that notices what is read from them. */
import { type Reader, requireRange } from '../../../src/lib/disk-image/reader.ts'

export class BufferReader implements Reader {
  readonly #content: Buffer
  readonly size_bytes: number
  bytes_read = 0

  constructor(content: Buffer) {
    this.#content = content
    this.size_bytes = content.length
  }

  async read(offset: number, length: number): Promise<Buffer> {
    requireRange(this, offset, length, 'data')
    this.bytes_read += length
    return Buffer.from(this.#content.subarray(offset, offset + length))
  }
}

const cluster = 65536

/** An empty qcow2 of 64 MiB: header, reference counts, first table. */
export function qcow2(): Buffer {
  const image = Buffer.alloc(4 * cluster)
  image.write('QFI\xfb', 'latin1')
  image.writeUInt32BE(3, 4)
  image.writeUInt32BE(16, 20)
  image.writeBigUInt64BE(64n * 1024n * 1024n, 24)
  image.writeUInt32BE(1, 36)
  image.writeBigUInt64BE(BigInt(3 * cluster), 40)
  image.writeBigUInt64BE(BigInt(cluster), 48)
  image.writeUInt32BE(1, 56)
  image.writeUInt32BE(4, 96)
  image.writeUInt32BE(104, 100)
  return image
}

export function vmdk(descriptor = vmdkDescriptor()): Buffer {
  const image = Buffer.alloc(128 * 512)
  image.write('KDMV')
  image.writeUInt32LE(1, 4)
  image.writeUInt32LE(3, 8)
  image.writeBigUInt64LE(131072n, 12)
  image.writeBigUInt64LE(128n, 20)
  image.writeBigUInt64LE(1n, 28)
  image.writeBigUInt64LE(20n, 36)
  image.writeUInt32LE(512, 44)
  image.writeBigUInt64LE(21n, 48)
  image.writeBigUInt64LE(26n, 56)
  image.write(descriptor, 512, 'latin1')
  return image
}

export function vmdkDescriptor(change: { parent?: string; type?: string; extents?: string } = {}): string {
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=7a91c1f2',
    `parentCID=${change.parent ?? 'ffffffff'}`,
    `createType="${change.type ?? 'monolithicSparse'}"`,
    '',
    change.extents ?? 'RW 131072 SPARSE "disk.vmdk"',
    '',
    'ddb.adapterType = "ide"',
    '',
  ].join('\n')
}

export function vdi(): Buffer {
  const image = Buffer.alloc(4096)
  image.writeUInt32LE(0xbeda107f, 0x40)
  image.writeUInt32LE(0x00010001, 0x44)
  image.writeUInt32LE(1, 0x4c)
  image.writeUInt32LE(512, 0x154)
  image.writeUInt32LE(1024, 0x158)
  image.writeBigUInt64LE(64n * 1024n * 1024n, 0x170)
  image.writeUInt32LE(1024 * 1024, 0x178)
  image.writeUInt32LE(64, 0x180)
  return image
}

export function vhdFooter(type: number, size_bytes: number, data_offset: bigint): Buffer {
  const footer = Buffer.alloc(512)
  footer.write('conectix')
  footer.writeUInt32BE(0x00010000, 12)
  footer.writeBigUInt64BE(data_offset, 16)
  footer.writeBigUInt64BE(BigInt(size_bytes), 40)
  footer.writeBigUInt64BE(BigInt(size_bytes), 48)
  footer.writeUInt32BE(type, 60)
  const sum = footer.reduce((total, byte) => total + byte, 0)
  footer.writeUInt32BE(~sum >>> 0, 64)
  return footer
}

export function vhd(type = 3): Buffer {
  const image = Buffer.alloc(4096)
  vhdFooter(type, 8 * 1024 * 1024, 512n).copy(image)
  image.write('cxsparse', 512)
  image.writeBigUInt64BE(2048n, 512 + 16)
  image.writeUInt32BE(4, 512 + 28)
  image.writeUInt32BE(2 * 1024 * 1024, 512 + 32)
  return image
}

export function vhdx(flags = 0): Buffer {
  const image = Buffer.alloc(1024 * 1024)
  const metadata = 512 * 1024
  image.write('vhdxfile')
  image.write('regi', 192 * 1024)
  image.writeUInt32LE(1, 192 * 1024 + 8)
  Buffer.from('06a27c8b90479a4bb8fe575f050f886e', 'hex').copy(image, 192 * 1024 + 16)
  image.writeBigUInt64LE(BigInt(metadata), 192 * 1024 + 32)
  image.write('metadata', metadata)
  image.writeUInt16LE(2, metadata + 10)
  Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex').copy(image, metadata + 32)
  image.writeUInt32LE(65536, metadata + 48)
  Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex').copy(image, metadata + 64)
  image.writeUInt32LE(65544, metadata + 80)
  image.writeUInt32LE(8 * 1024 * 1024, metadata + 65536)
  image.writeUInt32LE(flags, metadata + 65540)
  image.writeBigUInt64LE(64n * 1024n * 1024n, metadata + 65544)
  return image
}

export function iso(): Buffer {
  const image = Buffer.alloc(65536)
  image.write('\x01CD001', 32768, 'latin1')
  return image
}

export function mbr(): Buffer {
  const image = Buffer.alloc(65536)
  image.writeUInt16BE(0x55aa, 510)
  return image
}

export const samples = { qcow2, vmdk, vdi, vhd, vhdx, iso, mbr } as const
