/** Each format is told by content, each hostile image is refused with its own code, and no header can do harm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { DiskImageError, type DiskImageErrorCode, readHeader } from '../../../src/lib/disk-image/index.ts'
import * as make from './samples.ts'

const mib = 1024 * 1024

function read(image: Buffer): ReturnType<typeof readHeader> {
  return readHeader(new make.BufferReader(image))
}

async function refused(image: Buffer, code: DiskImageErrorCode): Promise<void> {
  await assert.rejects(read(image), error => {
    assert.ok(error instanceof DiskImageError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, /\.$/)
    return true
  })
}

function changed(image: Buffer, change: (image: Buffer) => void): Buffer {
  change(image)
  return image
}

void test('formats are told by content', async () => {
  const seen: Record<string, unknown> = {}
  for (const [name, sample] of Object.entries(make.samples)) {
    const { format, virtual_size_bytes } = await read(sample())
    seen[name] = [format, virtual_size_bytes]
  }
  assert.deepEqual(seen, {
    qcow2: ['qcow2', 64 * mib],
    vmdk: ['vmdk', 64 * mib],
    vdi: ['vdi', 64 * mib],
    vhd: ['vhd', 8 * mib],
    vhdx: ['vhdx', 64 * mib],
    iso: ['iso', 65536],
    mbr: ['raw', 65536],
  })
  assert.equal((await read(make.mbr())).partition_table, 'mbr')
  assert.equal((await read(changed(make.mbr(), image => image.write('EFI PART', 512)))).partition_table, 'gpt')
  assert.equal((await read(Buffer.alloc(100))).partition_table, 'none')
  const fixed = Buffer.concat([Buffer.alloc(4096), make.vhdFooter(2, 4096, 0xffffffffffffffffn)])
  assert.deepEqual(await read(fixed), { format: 'vhd', virtual_size_bytes: 4096, variant: 'fixed' })
})

void test('packed and foreign files are refused by name', async () => {
  await refused(Buffer.alloc(0), 'empty')
  await refused(gzipSync(make.qcow2()), 'packed')
  await refused(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2]), 'packed')
  await refused(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2]), 'packed')
  await refused(
    changed(Buffer.alloc(1024), image => image.write('ustar', 257)),
    'packed',
  )
  await refused(Buffer.from('QED\0 and so on'), 'unsupported_format')
  await refused(Buffer.from('LUKS\xba\xbe\0\x02', 'latin1'), 'encrypted')
  await refused(
    changed(Buffer.alloc(2048), image => image.write('koly', 1536)),
    'unsupported_format',
  )
})

void test('qcow2: everything that leads elsewhere or lies', async () => {
  const cases: [DiskImageErrorCode, (image: Buffer) => void][] = [
    ['backing_file', image => image.writeBigUInt64BE(512n, 8)],
    ['external_data_file', image => image.writeBigUInt64BE(4n, 72)],
    ['external_data_file', image => image.writeUInt32BE(0x44415441, 104)],
    ['encrypted', image => image.writeUInt32BE(2, 32)],
    ['encrypted', image => image.writeUInt32BE(1, 32)],
    ['unknown_feature', image => image.writeBigUInt64BE(1n << 40n, 72)],
    ['corrupt', image => image.writeBigUInt64BE(2n, 72)],
    ['unsupported_format', image => image.writeUInt32BE(1, 4)],
    ['malformed', image => image.writeUInt32BE(8, 20)],
    ['malformed', image => image.writeUInt32BE(31, 20)],
    ['malformed', image => image.writeUInt32BE(7, 96)],
    ['malformed', image => image.writeUInt32BE(96, 100)],
    ['malformed', image => image.writeBigUInt64BE(1n << 60n, 24)],
    ['malformed', image => image.writeUInt32BE(0xffffffff, 36)],
    ['truncated', image => image.writeUInt32BE(100_000, 36)],
    ['truncated', image => image.writeBigUInt64BE(1n << 40n, 40)],
    ['malformed', image => image.writeBigUInt64BE(1000n, 40)],
    ['malformed', image => image.writeUInt32BE(0xffffffff, 56)],
    ['malformed', image => image.writeUInt32BE(0xffffffff, 60)],
    ['malformed', image => changed(image, one => one.writeUInt32BE(0x12345678, 104)).writeUInt32BE(0xfffffff0, 108)],
  ]
  for (const [code, change] of cases) await refused(changed(make.qcow2(), change), code)
  await refused(make.qcow2().subarray(0, 50), 'truncated')
  await refused(make.qcow2().subarray(0, 3 * 65536), 'truncated')
})

void test('vmdk: no other file, no parent', async () => {
  const withExtents = (extents: string): Buffer => make.vmdk(make.vmdkDescriptor({ extents }))
  for (const name of ['/etc/shadow', '../up.vmdk', '..', '/dev/sda', 'c:\\disk.vmdk', 'nbd:host:10809', '']) {
    await refused(withExtents(`RW 131072 SPARSE "${name}"`), 'external_extent')
  }
  await refused(withExtents('RW 131072 FLAT "disk-flat.vmdk" 0'), 'external_extent')
  await refused(withExtents('RW 1 SPARSE "a.vmdk"\nRW 1 SPARSE "b.vmdk"'), 'external_extent')
  await refused(make.vmdk(make.vmdkDescriptor({ type: 'monolithicFlat' })), 'external_extent')
  await refused(make.vmdk(make.vmdkDescriptor({ parent: '12345678' })), 'backing_file')
  await refused(make.vmdk(`${make.vmdkDescriptor()}parentFileNameHint="base.vmdk"\n`), 'backing_file')
  await refused(Buffer.from(make.vmdkDescriptor({ extents: 'RW 1 FLAT "/etc/shadow" 0' })), 'external_extent')
  await refused(Buffer.from('# a comment\n\nversion=1\nRW 1 FLAT "/etc/shadow" 0\n'), 'external_extent')
  await refused(
    changed(make.vmdk(), image => image.writeBigUInt64LE(0n, 12)),
    'external_extent',
  )
  await refused(
    changed(make.vmdk(), image => image.writeBigUInt64LE(0n, 28)),
    'external_extent',
  )
  await refused(
    changed(make.vmdk(), image => image.writeBigUInt64LE(1n << 40n, 56)),
    'truncated',
  )
  await refused(
    changed(make.vmdk(), image => image.writeBigUInt64LE(3n, 20)),
    'malformed',
  )
})

void test('vdi, vhd, vhdx: no differencing disks, no absurd tables', async () => {
  await refused(
    changed(make.vdi(), image => image.writeUInt32LE(4, 0x4c)),
    'backing_file',
  )
  await refused(
    changed(make.vdi(), image => image.writeUInt8(1, 0x1a8)),
    'backing_file',
  )
  await refused(
    changed(make.vdi(), image => image.writeUInt32LE(0xffffffff, 0x180)),
    'truncated',
  )
  await refused(
    changed(make.vdi(), image => image.writeUInt32LE(1, 0x180)),
    'malformed',
  )
  await refused(make.vhd(4), 'backing_file')
  await refused(
    changed(make.vhd(), image => image.writeUInt8(1, 100)),
    'malformed',
  )
  await refused(
    changed(make.vhd(), image => image.writeBigUInt64BE(1n << 50n, 512 + 16)),
    'truncated',
  )
  await refused(make.vhdx(2), 'backing_file')
  await refused(make.vhdx().subarray(0, 200 * 1024), 'truncated')
  const lying = Buffer.concat([Buffer.alloc(4096), make.vhdFooter(2, 1 << 30, 0n)])
  await refused(lying, 'malformed')
})

/** Sound images with some bytes overwritten, mostly in the header, and perhaps cut short. */
const mutated = fc
  .record({
    sample: fc.constantFrom(...Object.values(make.samples)),
    writes: fc.array(
      fc.tuple(fc.oneof(fc.nat(128), fc.nat(1024), fc.nat(1024 * 1024)), fc.uint8Array({ minLength: 1, maxLength: 8 })),
      { maxLength: 6 },
    ),
    cut: fc.option(fc.nat(70_000)),
  })
  .map(({ sample, writes, cut }) => {
    const image = sample()
    for (const [at, bytes] of writes)
      image.set(bytes.subarray(0, Math.max(0, image.length - at)), Math.min(at, image.length))
    return cut === null ? image : image.subarray(0, cut)
  })

void test('whatever the bytes: an answer or a refusal, little read, nothing beyond the end, no way out', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        mutated,
        fc.uint8Array({ maxLength: 2048 }).map(bytes => Buffer.from(bytes)),
      ),
      async image => {
        const reader = new make.BufferReader(image)
        try {
          const header = await readHeader(reader)
          assert.ok(header.virtual_size_bytes >= 0)
          if (header.format === 'qcow2') {
            assert.equal(image.readBigUInt64BE(8), 0n, 'a backing file was accepted')
            assert.equal(
              image.readUInt32BE(4) === 3 && (image.readUInt32BE(76) & 4) !== 0,
              false,
              'a data file was accepted',
            )
            assert.equal(image.readUInt32BE(32), 0, 'encryption was accepted')
          }
        } catch (error) {
          assert.ok(error instanceof DiskImageError, `${error instanceof Error ? error.stack : String(error)}`)
        }
        assert.ok(reader.bytes_read <= 1024 * 1024, `${reader.bytes_read} bytes read`)
      },
    ),
    { numRuns: 1500 },
  )
})

void test('a backing file is never accepted, whatever else the header says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ minLength: 88, maxLength: 88 }),
      async (at, rest) => {
        const image = make.qcow2()
        image.set(rest, 16)
        image.writeBigUInt64BE(at, 8)
        await assert.rejects(read(image), DiskImageError)
      },
    ),
    { numRuns: 300 },
  )
})
