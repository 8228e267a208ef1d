/** Streams in bulk against a real libvirtd: a volume's bytes up and down, with a slow reader, abort, and a refusal. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, test } from 'node:test'
import { Libvirt, TimeoutError } from '../../../src/lib/libvirt/index.ts'
import { Daemon } from './daemon.ts'

const SIZE_BYTES = 12 * 1024 * 1024 + 12_345
const content = randomBytes(SIZE_BYTES)
let daemon: Daemon
let libvirt: Libvirt

describe('libvirt/volumes', () => {
  before(async () => {
    daemon = await Daemon.start()
    libvirt = await Libvirt.connect({ path: daemon.path })
    // lib/ is /var/lib/libvirt inside. Pools are not this client's business, so virsh makes the one that is needed.
    await mkdir(join(daemon.dir, 'lib', 'pool'))
    await writeFile(join(daemon.dir, 'lib', 'pool', 'disk.raw'), '')
    await truncate(join(daemon.dir, 'lib', 'pool', 'disk.raw'), SIZE_BYTES)
    await daemon.exec('virsh', [
      '-c',
      'qemu:///system',
      'pool-create-as',
      'pool',
      'dir',
      '--target',
      '/var/lib/libvirt/pool',
    ])
  })

  after(async () => {
    await libvirt?.close()
    await daemon?.stop()
  })

  test('uploads, and has it all stored when it says so', async () => {
    const volume = await libvirt.volumes.lookupByPath('/var/lib/libvirt/pool/disk.raw')
    assert.deepEqual({ pool: volume.pool, name: volume.name }, { pool: 'pool', name: 'disk.raw' })
    const parts = Array.from({ length: 13 }, (_, index) => content.subarray(index * 1_000_003, (index + 1) * 1_000_003))
    await pipeline(Readable.from(parts), await libvirt.volumes.upload(volume))
    assert.equal(digest(await readFile(join(daemon.dir, 'lib', 'pool', 'disk.raw'))), digest(content))
  })

  test('downloads, at the pace of its reader', async () => {
    const volume = await libvirt.volumes.lookupByPath('/var/lib/libvirt/pool/disk.raw')
    const bulk = await Libvirt.connect({ path: daemon.path, call_timeout_ms: 500 })
    const stream = await bulk.volumes.download(volume, {}, { buffer_bytes_max: 100_000 })
    // Nobody reads: once the buffer is full, the connection is held up, so that not even a call gets its answer.
    await assert.rejects(async () => {
      for (let calls = 0; calls < 1000; calls++) await bulk.host.hostname()
    }, TimeoutError)
    assert.ok(stream.readableLength < 1024 * 1024, `${stream.readableLength} bytes are buffered`)
    const hash = createHash('sha256')
    for await (const chunk of stream) hash.update(chunk as Buffer)
    assert.equal(hash.digest('hex'), digest(content))
    assert.ok((await bulk.host.hostname()).length > 0)
    await bulk.close()
  })

  test('downloads a part', async () => {
    const volume = await libvirt.volumes.lookupByPath('/var/lib/libvirt/pool/disk.raw')
    const stream = await libvirt.volumes.download(volume, { offset_bytes: 1000, length_bytes: 5000 })
    const chunks = await stream.toArray()
    assert.deepEqual(Buffer.concat(chunks), content.subarray(1000, 6000))
  })

  test('aborted half-way, the connection serves on', async () => {
    const volume = await libvirt.volumes.lookupByPath('/var/lib/libvirt/pool/disk.raw')
    const down = await libvirt.volumes.download(volume, {}, { buffer_bytes_max: 10_000 })
    await once(down, 'readable')
    down.destroy()
    await once(down, 'close')
    const up = await libvirt.volumes.upload(volume)
    up.write(Buffer.alloc(1000))
    up.destroy()
    await once(up, 'close')
    assert.ok((await libvirt.host.hostname()).length > 0)
  })

  test('a stream that libvirtd refuses or drops says why', async () => {
    const nowhere = { pool: 'pool', name: 'gone.raw', key: '/var/lib/libvirt/pool/gone.raw' }
    await assert.rejects(libvirt.volumes.download(nowhere), { name: 'LibvirtError', code: 50 })
    const other = await Libvirt.connect({ path: daemon.path })
    const volume = await other.volumes.lookupByPath('/var/lib/libvirt/pool/disk.raw')
    const stream = await other.volumes.download(volume, {}, { buffer_bytes_max: 10_000 })
    const failed = once(stream, 'error')
    await other.close()
    const [error] = await failed
    assert.equal(error.name, 'ConnectionError')
  })

  function digest(bytes: Buffer): string {
    return createHash('sha256').update(bytes).digest('hex')
  }
})
