import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, test } from 'node:test'
import { readDiskHeader } from '../../../src/agent/drivers/storage/disk-format.ts'
import { openDirectoryPool } from '../../../src/agent/drivers/storage/directory.ts'
import type { ImageSource } from '../../../src/agent/drivers/storage/image-fetch.ts'
import { Failure } from '../../../src/agent/ports.ts'
import { runProgram } from '../../../src/lib/linuxnet/program.ts'
import type { WantedDisk } from '../../../src/protocol/wanted.ts'
import { quiet, uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { scratch } from '../../support/scratch.ts'

const work = await scratch('croft-storage')
describe('agent/storage', () => {
  after(() => rm(work, { recursive: true, force: true }))
  const never = new AbortController().signal
  let pools = 0

  async function imageOf(size: string, fill: string): Promise<Buffer> {
    const raw = join(work, 'in.raw')
    const qcow2 = join(work, 'in.qcow2')
    await writeFile(raw, fill.repeat(20_000))
    await runProgram(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2])
    await runProgram(['qemu-img', 'resize', '-q', qcow2, size])
    return readFile(qcow2)
  }

  function source(images: Map<string, Buffer>, breakAfter: number[] = []) {
    const asked: number[] = []
    const images_source: ImageSource = {
      get(image_id, offset) {
        asked.push(offset)
        const whole = images.get(image_id)
        if (whole === undefined) return Promise.reject(new Failure('no such image'))
        const end = breakAfter.shift() ?? whole.length
        return Promise.resolve({ from: offset, body: Readable.from([whole.subarray(offset, end)]) })
      },
    }
    return { source: images_source, asked }
  }

  function disk(n: number, image: { id: string; bytes: Buffer } | null, change: Partial<WantedDisk> = {}): WantedDisk {
    const wanted =
      image === null
        ? null
        : {
            image_id: image.id,
            sha256: createHash('sha256').update(image.bytes).digest('hex'),
            size_bytes: image.bytes.length,
            format: 'qcow2' as const,
          }
    return { volume_id: uuid(n), role: 'root', size_gib: 1, image: wanted, bus: 'virtio', ...change }
  }

  async function pool(from: ImageSource, options: { cache_max_bytes?: number; reserve_bytes?: number } = {}) {
    const directory = join(work, `pool-${pools++}`)
    return {
      directory,
      pool: await openDirectoryPool({ host_id: 'h1', directory, source: from, log: quiet, ...options }),
    }
  }

  test('many disks at once of one image: one fetch, overlays of the wanted size that qemu-img finds sound', async () => {
    const bytes = await imageOf('64M', 'croft')
    const from = source(new Map([[uuid(1), bytes]]))
    const { pool: storage, directory } = await pool(from.source)
    const steps: string[] = []
    const made = await Promise.all(
      [10, 11, 12, 13].map(n =>
        storage.prepare(
          wantedInstance({ disks: [disk(n, { id: uuid(1), bytes })] }),
          (step, percent) => void steps.push(`${step} ${percent}`),
          never,
        ),
      ),
    )
    assert.deepEqual(from.asked, [0])
    assert.ok(steps.includes('fetching image 100'))
    for (const [prepared] of made) {
      assert.ok(prepared !== undefined)
      await runProgram(['qemu-img', 'check', '-q', prepared.path])
      const info = JSON.parse(await runProgram(['qemu-img', 'info', '--output=json', prepared.path])) as {
        'virtual-size': number
        'backing-filename-format': string
        'backing-filename': string
      }
      assert.equal(info['virtual-size'], 2 ** 30)
      assert.equal(info['backing-filename-format'], 'qcow2')
      assert.match(info['backing-filename'], /^\.\.\/images\//)
      // The paths are in QEMU's arguments: other users of the host must not be able to read them.
      assert.equal((await stat(prepared.path)).mode & 0o777, 0o600)
    }
    for (const name of await readdir(join(directory, 'images'))) {
      assert.equal((await stat(join(directory, 'images', name))).mode & 0o777, 0o600)
    }
    const again = await storage.prepare(
      wantedInstance({ disks: [disk(10, { id: uuid(1), bytes }, { size_gib: 2 })] }),
      () => undefined,
      never,
    )
    assert.equal((await readDiskHeader(again[0]?.path ?? '')).virtual_bytes, 2 ** 31)
    await storage.remove([disk(10, null)])
    await storage.remove([disk(10, null)])
    assert.equal((await readdir(join(directory, 'volumes'))).length, 3)
  })

  test('a disk that was made here and is gone is missed, not made anew: its file system may not be mounted', async () => {
    const bytes = await imageOf('64M', 'gone')
    const { pool: storage, directory } = await pool(source(new Map([[uuid(1), bytes]])).source)
    const instance = wantedInstance({ disks: [disk(10, { id: uuid(1), bytes })] })
    await storage.prepare(instance, () => undefined, never, [])
    await rm(join(directory, 'volumes', `${uuid(10)}.qcow2`))
    await assert.rejects(
      storage.prepare(instance, () => undefined, never, [uuid(10)]),
      /is not there any more/,
    )
    assert.deepEqual(await readdir(join(directory, 'volumes')), [])
  })

  test('ephemeral and swap disks are formatted, of their exact size, and take only what was written', async () => {
    const { pool: storage, directory } = await pool(source(new Map()).source)
    const half_made = join(directory, 'volumes', `${uuid(11)}.qcow2.h1.new.raw.new`)
    await writeFile(half_made, 'left by a kill')
    const instance = wantedInstance({
      disks: [
        disk(11, null, { role: 'ephemeral', size_gib: 20 }),
        disk(12, null, { role: 'swap', size_mib: 1500, size_gib: 2 }),
      ],
    })
    const [ephemeral, swap] = await storage.prepare(instance, () => undefined, never)
    assert.ok(ephemeral && swap)
    assert.deepEqual((await readdir(join(directory, 'volumes'))).sort(), [`${uuid(11)}.qcow2`, `${uuid(12)}.qcow2`])
    for (const [path, type, label, size_bytes] of [
      [ephemeral.path, 'ext4', 'ephemeral0', 20 * 2 ** 30],
      [swap.path, 'swap', 'swap0', 1500 * 2 ** 20],
    ] as const) {
      const raw = join(work, 'seen.raw')
      await runProgram(['qemu-img', 'convert', '-O', 'raw', path, raw])
      const seen = await runProgram(['blkid', '-p', '-o', 'export', raw])
      assert.match(seen, new RegExp(`^TYPE=${type}$`, 'm'))
      assert.match(seen, new RegExp(`^LABEL=${label}$`, 'm'))
      assert.equal((await stat(raw)).size, size_bytes)
      assert.ok((await stat(path)).blocks * 512 < 64 * 2 ** 20)
      if (type === 'ext4') await runProgram(['e2fsck', '-fn', raw])
      await rm(raw)
    }
    const before = await stat(swap.path)
    await storage.prepare(instance, () => undefined, never, [uuid(11), uuid(12)])
    assert.equal((await stat(swap.path)).mtimeMs, before.mtimeMs, 'what is there stays as it is')
    await storage.remove(instance.disks)
    assert.deepEqual(await readdir(join(directory, 'volumes')), [])
  })

  test('a CD-ROM is its image, and stays when the image is evicted; a kept volume is told to be there', async () => {
    const bytes = await imageOf('64M', 'iso')
    const from = source(new Map([[uuid(1), bytes]]))
    const { pool: storage, directory } = await pool(from.source)
    const iso = disk(50, { id: uuid(1), bytes }, { role: 'cdrom', bus: 'sata' })
    const cdrom = { ...iso, image: iso.image && { ...iso.image, format: 'raw' as const } }
    const instance = wantedInstance({ disks: [disk(10, null), cdrom] })
    const [root, drive] = await storage.prepare(instance, () => undefined, never)
    assert.deepEqual([drive?.format, drive?.path], ['raw', join(directory, 'volumes', `${uuid(50)}.iso`)])
    const [cached] = await readdir(join(directory, 'images'))
    await rm(join(directory, 'images', cached ?? ''))
    await storage.prepare(instance, () => undefined, never, [uuid(10), uuid(50)])
    assert.deepEqual(from.asked, [0], 'not fetched again')
    assert.deepEqual(await readFile(drive?.path ?? ''), bytes)
    assert.deepEqual(await storage.present([uuid(10), uuid(11)]), [uuid(10)])
    await storage.remove([{ volume_id: uuid(50), role: 'cdrom' }])
    assert.deepEqual(await readdir(join(directory, 'volumes')), [`${uuid(10)}.qcow2`])
    await runProgram(['qemu-img', 'check', '-q', root?.path ?? ''])
  })

  test('a broken fetch goes on where it ended; a wrong checksum is thrown away', async () => {
    const bytes = await imageOf('64M', 'resume')
    const from = source(new Map([[uuid(1), bytes]]), [50_000])
    const { pool: storage, directory } = await pool(from.source)
    const instance = wantedInstance({ disks: [disk(10, { id: uuid(1), bytes })] })
    await assert.rejects(
      storage.prepare(instance, () => undefined, never),
      /goes on where it ended/,
    )
    await storage.prepare(instance, () => undefined, never)
    assert.deepEqual(from.asked, [0, 50_000])

    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(damaged.readUInt8(40_000) ^ 1, 40_000)
    const lying = source(new Map([[uuid(2), damaged]]))
    const other = await pool(lying.source)
    const wanted = wantedInstance({ disks: [disk(11, { id: uuid(2), bytes })] })
    await assert.rejects(
      other.pool.prepare(wanted, () => undefined, never),
      /checksum/,
    )
    assert.deepEqual(await readdir(join(other.directory, 'images')), [])
    assert.equal((await readdir(join(directory, 'images'))).length, 1)
  })

  test('hostile and unfitting images are refused with the reason', async () => {
    const base = join(work, 'base.qcow2')
    await runProgram(['qemu-img', 'create', '-q', '-f', 'qcow2', base, '1M'])
    const evil = join(work, 'evil.qcow2')
    await runProgram(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, evil, '1M'])
    const bytes = await readFile(evil)
    const big = await imageOf('3G', 'big')
    const images = new Map([
      [uuid(1), bytes],
      [uuid(2), big],
    ])
    const { pool: storage } = await pool(source(images).source)
    const prepare = (given: WantedDisk) => storage.prepare(wantedInstance({ disks: [given] }), () => undefined, never)
    await assert.rejects(prepare(disk(10, { id: uuid(1), bytes })), /names a backing file/)
    await assert.rejects(prepare(disk(11, { id: uuid(2), bytes: big })), /needs a disk of 3 GiB and this one has 1/)
    await assert.rejects(prepare(disk(12, { id: uuid(3), bytes: Buffer.from('x') })), /no such image/)
  })

  test('an image that a volume stands on is never evicted; others go, least recently used first', async () => {
    const [one, two, three] = [await imageOf('8M', 'one'), await imageOf('8M', 'two'), await imageOf('8M', 'three')]
    const images = new Map([
      [uuid(1), one],
      [uuid(2), two],
      [uuid(3), three],
    ])
    const { pool: storage, directory } = await pool(source(images).source, { cache_max_bytes: 0 })
    const prepare = (n: number, id: string, bytes: Buffer) =>
      storage.prepare(wantedInstance({ disks: [disk(n, { id, bytes })] }), () => undefined, never)
    await prepare(10, uuid(1), one)
    await prepare(11, uuid(2), two)
    assert.equal((await readdir(join(directory, 'images'))).length, 2)
    await storage.remove([disk(11, null)])
    await prepare(12, uuid(3), three)
    const left = await readdir(join(directory, 'images'))
    const name = (bytes: Buffer) => `${createHash('sha256').update(bytes).digest('hex')}.qcow2`
    assert.deepEqual(left.sort(), [name(one), name(three)].sort())
  })

  test('without room the fetch is refused before it begins; giving up ends it', async () => {
    const bytes = await imageOf('8M', 'room')
    const from = source(new Map([[uuid(1), bytes]]))
    const { pool: storage } = await pool(from.source, { reserve_bytes: 2 ** 60 })
    const instance = wantedInstance({ disks: [disk(10, { id: uuid(1), bytes })] })
    await assert.rejects(
      storage.prepare(instance, () => undefined, never),
      /no room for the image/,
    )
    assert.deepEqual(from.asked, [])

    let ended = false
    const begun = Promise.withResolvers<void>()
    const stuck: ImageSource = {
      get: (_id, _offset, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            ended = true
            reject(new Error('aborted'))
          })
          begun.resolve()
        }),
    }
    const slow = await pool(stuck)
    const abort = new AbortController()
    const waiting = slow.pool.prepare(instance, () => undefined, abort.signal)
    await begun.promise
    abort.abort(new Error('something else is wanted now'))
    await assert.rejects(waiting, /something else/)
    assert.equal(ended, true)
  })
})
