/** A pool whose file system is not mounted: nothing is written into the empty folder, and of nothing it is said that it is gone. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type DirectoryPool, openDirectoryPool } from '../../../src/agent/drivers/storage/directory.ts'
import { poolMark } from '../../../src/agent/drivers/storage/pool-mark.ts'
import { Failure } from '../../../src/agent/ports.ts'
import { quiet, uuid, wantedInstance } from './fakes.ts'

const volume = { volume_id: uuid(7), role: 'data' as const, size_gib: 1, image: null, bus: 'virtio' as const }
const instance = wantedInstance({ disks: [volume] })
const never = new AbortController().signal
const not_mounted = { message: /not mounted/, passing: true }

describe('agent/unmounted-pool', () => {
  let root = ''
  const directory = () => join(root, 'pool')
  const file = () => join(directory(), 'volumes', `${volume.volume_id}.qcow2`)
  const arriving = () => `${file()}.arriving.h1.new`
  const source = { get: () => Promise.reject(new Failure('there are no images')) }
  const open = async (): Promise<DirectoryPool> =>
    openDirectoryPool({
      directory: directory(),
      source,
      log: quiet,
      host_id: 'h1',
      mark: await poolMark(directory(), join(root, 'state')),
    })
  const unmount = async () => {
    await rename(directory(), join(root, 'away'))
    await mkdir(directory())
  }
  const mount = async () => {
    await rm(directory(), { recursive: true })
    await rename(join(root, 'away'), directory())
  }

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'croft-unmounted-'))
    await mkdir(directory())
    await mkdir(join(root, 'state'))
  })
  afterEach(() => rm(root, { recursive: true }))

  test('removing waits for it, and a volume is not said to be away', async () => {
    const pool = await open()
    await writeFile(file(), '')
    await unmount()
    await assert.rejects(pool.remove([volume]), not_mounted)
    await assert.rejects(pool.present([volume.volume_id]), not_mounted)
    await mount()
    assert.deepEqual(await pool.present([volume.volume_id]), [volume.volume_id])
    await pool.remove([volume])
    assert.deepEqual(await readdir(join(directory(), 'volumes')), [])
  })

  test('hosts that share it see each other’s signs; of one that is not mounted it is not known', async () => {
    const pool = await open()
    assert.equal(await pool.isShared?.(), false)
    await openDirectoryPool({ directory: directory(), source, log: quiet, host_id: 'h2' })
    assert.equal(await pool.isShared?.(), true)
    await rm(join(directory(), 'hosts', 'h2'))
    await unmount()
    assert.equal(await pool.isShared?.(), true, 'others may')
  })

  test('nothing comes into it from another host', async () => {
    const { arrivals } = await open()
    await writeFile(arriving(), '')
    await unmount()
    const copied = new Set([volume.volume_id])
    for (const kind of ['live', 'cold'] as const) {
      await assert.rejects(
        arrivals.prepare(instance, copied, kind, () => undefined, never),
        not_mounted,
      )
      await assert.rejects(arrivals.fit(instance, [], kind), not_mounted)
    }
    await assert.rejects(arrivals.files(instance, []), not_mounted)
    await assert.rejects(arrivals.settle(instance, copied), not_mounted)
    await assert.rejects(arrivals.located(instance), not_mounted)
    assert.deepEqual(await readdir(directory()), [])
  })

  test('an agent that starts meanwhile makes nothing there, and goes on when it is mounted', async () => {
    await open()
    await writeFile(`${file()}.h1.new`, 'half made')
    await unmount()
    const pool = await open()
    await assert.rejects(
      pool.prepare(instance, () => undefined, never),
      not_mounted,
    )
    assert.deepEqual(await readdir(directory()), [])
    assert.ok((await pool.room()).total_bytes > 0)
    await mount()
    assert.deepEqual(await pool.present([volume.volume_id]), [])
    assert.deepEqual(await readdir(join(directory(), 'volumes')), [])
  })
})
