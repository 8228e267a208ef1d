/** A pool's mark: one for all who make it at once, and no other taken for it later. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type PoolMark, pool_mark, pool_secret, poolMark } from '../../../src/agent/drivers/storage/pool-mark.ts'

describe("a pool's mark", () => {
  let root = ''
  const pool = () => join(root, 'pool')
  const markFor = (host: string) => poolMark(pool(), join(root, host))

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'croft-mark-'))
    await mkdir(pool())
  })
  afterEach(() => rm(root, { recursive: true }))

  test('twenty hosts that make it at once get the same, and leave nothing else', async () => {
    const marks = await Promise.all(Array.from({ length: 20 }, (_, n) => markFor(`host-${n}`)))
    assert.equal(new Set(marks.map(mark => mark.id)).size, 1)
    assert.deepEqual(await readdir(pool()), [pool_mark])
    assert.equal((await readFile(join(pool(), pool_mark), 'utf8')).trim(), marks[0]?.id)
  })

  test('a host that remembers it makes no other where it is missing: the file system is not mounted', async () => {
    const mark = await markFor('a')
    await mark.check()
    await rm(join(pool(), pool_mark))
    const later = await markFor('a')
    assert.equal(later.id, mark.id)
    await assert.rejects(later.check(), { message: /not mounted/, passing: true })
    assert.deepEqual(await readdir(pool()), [])
    await writeFile(join(pool(), pool_mark), `${mark.id}\n`)
    await later.check()
  })

  test('another pool in its place is not taken for it', async () => {
    const mark = await markFor('a')
    await rm(join(pool(), pool_mark))
    await markFor('b')
    await assert.rejects(mark.check(), /is the pool/)
  })

  test('its secret is the same for all who ask at once, for root alone, and told of no other directory', async () => {
    const marks = await Promise.all(Array.from({ length: 10 }, (_, n) => markFor(`host-${n}`)))
    const secrets = await Promise.all(marks.map(mark => mark.secret()))
    assert.equal(new Set(secrets).size, 1)
    assert.match(secrets[0] ?? '', /^[A-Za-z0-9_-]{43}$/)
    assert.deepEqual((await readdir(pool())).sort(), [pool_mark, pool_secret])
    assert.equal((await stat(join(pool(), pool_secret))).mode & 0o777, 0o600)
    // Not mounted: another one is not made in its place.
    await rm(join(pool(), pool_mark))
    await rm(join(pool(), pool_secret))
    await assert.rejects((marks[0] as PoolMark).secret(), /not mounted/)
    assert.deepEqual(await readdir(pool()), [])
  })

  test('a damaged mark is not replaced', async () => {
    await writeFile(join(pool(), pool_mark), '')
    await assert.rejects(markFor('a'), /damaged/)
  })
})
