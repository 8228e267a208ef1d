/** A file over a stream: as it was, without its holes; and nothing is kept of one that is not what was sent. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { duplexPair } from 'node:stream'
import { receiveFile, sendFile } from '../../../src/agent/peer/file-stream.ts'

const mib = 2 ** 20
let work: string

describe('agent/file-stream', () => {
  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'croft-file-'))
  })
  after(() => rm(work, { recursive: true, force: true }))

  async function copy(bytes_max: number): Promise<void> {
    const [here, there] = duplexPair()
    const received = receiveFile(there, join(work, 'there'), bytes_max)
    const sent = sendFile(here, { path: join(work, 'here'), rate_max: null, show() {} })
    received.catch(() => here.destroy(new Error('the other end gave up')))
    await Promise.all([sent, received])
  }

  test('what is a hole stays one, and what was in the receiver’s file before is gone', async () => {
    const file = await open(join(work, 'here'), 'w')
    await file.write(randomBytes(3 * mib + 77), 0, null, 0)
    await file.write(randomBytes(mib), 0, null, 40 * mib + 5)
    await file.truncate(64 * mib)
    await file.close()
    await writeFile(join(work, 'there'), randomBytes(300_000))
    await copy(100 * mib)
    assert.ok((await readFile(join(work, 'here'))).equals(await readFile(join(work, 'there'))))
    const { size, blocks } = await stat(join(work, 'there'))
    assert.equal(size, 64 * mib)
    assert.ok(blocks * 512 < 8 * mib, `${blocks * 512} bytes on disk`)
  })

  test('an empty file, and one that is shorter than what was there', async () => {
    await writeFile(join(work, 'here'), '')
    await copy(mib)
    assert.equal((await stat(join(work, 'there'))).size, 0)
  })

  test('more than the disk can be is refused', async () => {
    await writeFile(join(work, 'here'), randomBytes(2 * mib))
    await assert.rejects(copy(mib), /gave up|larger/)
  })

  test('a stream that breaks off, or says something else than its sum, leaves the receiver with an error', async () => {
    const [here, there] = duplexPair()
    const received = receiveFile(there, join(work, 'there'), mib)
    const header = Buffer.alloc(12)
    here.write(header)
    here.end(randomBytes(32))
    await assert.rejects(received, /not as it was sent/)
    const [a, b] = duplexPair()
    const broken = receiveFile(b, join(work, 'there'), mib)
    a.end(Buffer.alloc(5))
    await assert.rejects(broken, /ended early/)
  })
})
