import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { readLog, readSince, readTail } from '../../../src/agent/drivers/libvirt/console-log.ts'
import { settle } from './fakes.ts'

const work = await mkdtemp(join(tmpdir(), 'croft-console-log-'))
after(() => rm(work, { recursive: true, force: true }))

test('a log is followed over its turning over', async () => {
  const path = join(work, 'one.log')
  await writeFile(path, 'first\n')
  const log = await readLog(path, 1000, new AbortController().signal)
  log.setEncoding('utf8')
  let said = ''
  const seen = (wanted: string) =>
    new Promise<void>(resolve => {
      const look = () => said.includes(wanted) && (log.off('data', look), resolve())
      log.on('data', look)
    })
  log.on('data', (chunk: string) => (said += chunk))
  await seen('first')
  await appendFile(path, 'second\n')
  await seen('second')
  await rename(path, `${path}.0`)
  await writeFile(path, 'third\n')
  await seen('third')
  assert.equal(said, 'first\nsecond\nthird\n')
  log.destroy()
  await once(log, 'close')
})

test('a followed log ends once the guest is off, with its last words; also one that was removed, or never was', async () => {
  const paths = ['three', 'four', 'five'].map(name => join(work, `${name}.log`))
  const [written = '', removed = ''] = paths
  await writeFile(written, 'boot\n')
  await writeFile(removed, 'boot\n')
  const off = new AbortController()
  const logs = await Promise.all(paths.map(path => readLog(path, 1000, off.signal)))
  const texts = logs.map(log => text(log))
  await appendFile(written, 'down\n')
  off.abort()
  await appendFile(written, 'late\n')
  await rm(removed)
  assert.deepEqual((await Promise.all(texts)).with(1, ''), ['boot\ndown\nlate\n', '', ''])
  assert.equal(await text(await readLog(written, 5, off.signal)), 'late\n')
})

test('who stops following a silent guest leaves no watch behind', async () => {
  const path = join(work, 'two.log')
  await writeFile(path, 'boot\n')
  const watches = () => process.getActiveResourcesInfo().filter(name => name === 'FSEventWrap').length
  const before = watches()
  const logs = await Promise.all(Array.from({ length: 5 }, () => readLog(path, 1000, new AbortController().signal)))
  await Promise.all(logs.map(log => once(log, 'readable')))
  assert.equal(watches(), before + 5)
  for (const log of logs) log.destroy()
  await Promise.all(logs.map(log => once(log, 'close')))
  await settle()
  assert.equal(watches(), before)
})

test('what was written since is all of it, also over its turning over; a log that turned over twice gives what there is', async () => {
  const path = join(work, 'since.log')
  assert.deepEqual(await readTail(path, 100), { bytes: Buffer.alloc(0), end: { inode: null, bytes: 0 } })
  const never = (await readTail(path, 100)).end
  await writeFile(path, 'one two')
  assert.equal(String(await readSince(path, never, 100)), 'one two')
  const { bytes, end } = await readTail(path, 3)
  assert.equal(String(bytes), 'two')
  assert.equal(String(await readSince(path, end, 100)), '')
  await appendFile(path, ' three')
  assert.equal(String(await readSince(path, end, 100)), ' three')
  await rename(path, `${path}.0`)
  assert.equal(String(await readSince(path, end, 100)), ' three')
  await writeFile(path, ' four')
  assert.equal(String(await readSince(path, end, 100)), ' three four')
  assert.equal(String(await readSince(path, end, 4)), 'four')
  await rename(`${path}.0`, `${path}.1`)
  await rename(path, `${path}.0`)
  await writeFile(path, ' five')
  assert.equal(String(await readSince(path, end, 100)), ' four five')
})
