/** inspect() and normalise() with the real qemu-img: what it writes is accepted, what could lead elsewhere is not. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { DiskImageError, inspect, normalise } from '../../../src/lib/disk-image/index.ts'
import { scratch } from '../../support/scratch.ts'

const run = promisify(execFile)
const mib = 1024 * 1024
let dir = ''

describe('images/disk-image', () => {
  before(async () => {
    dir = await scratch('disk-image')
  })
  after(() => rm(dir, { recursive: true, force: true }))

  /** Formats as qemu-img writes them, with its options. */
  const written = {
    qcow2: ['qcow2'],
    'qcow2-v2': ['qcow2', 'compat=0.10'],
    'qcow2-zstd': ['qcow2', 'compression_type=zstd,extended_l2=on,lazy_refcounts=on'],
    vmdk: ['vmdk'],
    'vmdk-stream': ['vmdk', 'subformat=streamOptimized'],
    vdi: ['vdi'],
    'vdi-fixed': ['vdi', 'static=on'],
    vhd: ['vpc', 'force_size=on'],
    'vhd-fixed': ['vpc', 'subformat=fixed,force_size=on'],
    vhdx: ['vhdx'],
    raw: ['raw'],
  } as const

  void test('every format qemu-img writes is accepted and comes out with the same content', async () => {
    const content = join(dir, 'content.raw')
    await writeFile(content, Buffer.alloc(2 * mib, 'a guest wrote this '))
    await truncate(content, 8 * mib)
    for (const [name, [driver, options]] of Object.entries(written)) {
      const image = join(dir, `in-${name}`)
      await run('qemu-img', ['convert', '-f', 'raw', '-O', driver, ...(options ? ['-o', options] : []), content, image])
      const seen = await inspect(image)
      assert.equal(seen.format, name.split('-')[0], name)
      assert.equal(seen.virtual_size_bytes, 8 * mib, name)
      const out = join(dir, `out-${name}.qcow2`)
      const fractions: number[] = []
      const result = await normalise(image, out, { on_progress: fraction => fractions.push(fraction) })
      assert.equal(result.format, 'qcow2')
      assert.equal(fractions.at(-1), 1)
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', content, out])
    }
  })

  void test('an ISO stays as it is, whatever a program would make of its first sectors', async () => {
    const root = join(dir, 'iso-root')
    await mkdir(root)
    await writeFile(join(root, 'readme'), 'on a CD')
    const iso = join(dir, 'in.iso')
    await run('genisoimage', ['-quiet', '-V', 'TEST', '-o', iso, root])
    // As hybrid ISOs have it: a boot sector and a partition table before the ISO's own volume descriptor.
    const bytes = await readFile(iso)
    bytes.writeUInt16LE(0xaa55, 510)
    await writeFile(iso, bytes)
    const out = join(dir, 'out.iso')
    const made = await normalise(iso, out)
    assert.deepEqual([made.format, made.virtual_size_bytes], ['iso', bytes.length])
    assert.deepEqual(await readFile(out), bytes)
  })

  void test('images that name other files are refused before qemu-img may follow them', async () => {
    const secret = join(dir, 'secret')
    await writeFile(secret, Buffer.alloc(mib, 'secret'))
    const refused = async (path: string, code: string): Promise<void> => {
      const out = join(dir, 'never.qcow2')
      await assert.rejects(normalise(path, out), error => error instanceof DiskImageError && error.code === code)
    }
    const image = (name: string): string => join(dir, name)
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'raw', image('backing')])
    await refused(image('backing'), 'backing_file')
    await run('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      `data_file=${image('data')},data_file_raw=on`,
      image('external'),
      '1M',
    ])
    await refused(image('external'), 'external_data_file')
    const key = [
      '--object',
      'secret,id=key,data=sesame',
      '-f',
      'qcow2',
      '-o',
      'encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10',
    ]
    // qemu-img measures how fast it hashes, and now and then cannot on a busy machine ("Unable to get accurate CPU usage").
    for (let attempt = 1; ; attempt++) {
      const made = await run('qemu-img', ['create', '-q', ...key, image('encrypted'), '1M']).catch(
        (error: Error) => error,
      )
      if (!(made instanceof Error)) break
      assert.match(made.message, /accurate CPU usage/)
      assert.ok(attempt < 10, made.message)
    }
    await refused(image('encrypted'), 'encrypted')
    await run('qemu-img', ['create', '-q', '-f', 'vmdk', '-o', 'subformat=monolithicFlat', image('flat.vmdk'), '1M'])
    await refused(image('flat.vmdk'), 'external_extent')
    await run('qemu-img', ['create', '-q', '-f', 'vmdk', image('base.vmdk'), '1M'])
    await run('qemu-img', ['create', '-q', '-f', 'vmdk', '-b', image('base.vmdk'), '-F', 'vmdk', image('child.vmdk')])
    await refused(image('child.vmdk'), 'backing_file')
    assert.deepEqual(
      (await readdir(dir)).filter(name => name.startsWith('never')),
      [],
    )
  })

  void test('a disk larger than allowed is refused by its header alone', async () => {
    const path = join(dir, 'huge')
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, '1P'])
    await assert.rejects(inspect(path), { code: 'too_large' })
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, '20G'])
    await assert.rejects(inspect(path, { max_virtual_size_bytes: 10 * 1024 * mib }), { code: 'too_large' })
    assert.equal((await inspect(path)).virtual_size_bytes, 20 * 1024 * mib)
  })

  void test('data cut off behind a sound header is found, at the latest by the conversion', async () => {
    const path = join(dir, 'cut')
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', join(dir, 'content.raw'), path])
    await truncate(path, mib)
    const out = join(dir, 'cut-out')
    await assert.rejects(normalise(path, out), { code: 'corrupt' })
    assert.deepEqual(
      (await readdir(dir)).filter(name => name.startsWith('cut-out')),
      [],
    )
  })

  void test('mutated images: qemu-img is only asked about what it reads the same way', async () => {
    const sound = await Promise.all(['qcow2', 'vmdk', 'vdi', 'vhd'].map(name => readFile(join(dir, `in-${name}`))))
    const path = join(dir, 'mutated')
    const write = fc.tuple(fc.nat(600), fc.uint8Array({ minLength: 1, maxLength: 8 }))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...sound),
        fc.array(write, { minLength: 1, maxLength: 3 }),
        async (image, writes) => {
          const copy = Buffer.from(image)
          for (const [at, bytes] of writes) copy.set(bytes, at)
          await writeFile(path, copy)
          const outcome = await inspect(path).catch((error: unknown) => error)
          if (outcome instanceof Error) assert.ok(outcome instanceof DiskImageError, String(outcome.stack))
        },
      ),
      { numRuns: 40 },
    )
  })
})
