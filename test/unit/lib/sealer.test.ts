import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { KeyFileRefused, makeSealer, openSealer, SealBroken } from '../../../src/lib/sealer.ts'

let folder: string
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'croft-sealer-'))))
after(() => rm(folder, { recursive: true }))

const secret = Buffer.from('the key of everything')

test('what is sealed opens again, under its own name only, and shows nothing', () => {
  const sealer = makeSealer(randomBytes(32), randomBytes)
  const sealed = sealer.seal('ca', secret)
  assert.deepEqual(Buffer.from(sealer.unseal('ca', sealed)), secret)
  assert.ok(!Buffer.from(sealed).includes('key of'))
  assert.notDeepEqual(sealer.seal('ca', secret), sealed)
  assert.throws(() => sealer.unseal('other', sealed), SealBroken)
})

test('a changed byte anywhere, a cut, or another key: it does not open', () => {
  const sealer = makeSealer(randomBytes(32), randomBytes)
  const sealed = Buffer.from(sealer.seal('ca', secret))
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 0x40
    assert.throws(() => sealer.unseal('ca', changed), SealBroken, `byte ${at}`)
    assert.throws(() => sealer.unseal('ca', sealed.subarray(0, at)), SealBroken, `cut at ${at}`)
  }
  const other = makeSealer(randomBytes(32), randomBytes)
  assert.throws(() => other.unseal('ca', sealed), /another one: put the right key file/)
})

test('the key file is made once, for root alone, also when several start at once', async () => {
  const path = join(folder, 'seal.key')
  const sealers = await Promise.all([1, 2, 3, 4].map(() => openSealer(path)))
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await readFile(path)).length, 32)
  assert.deepEqual(await readdir(folder), ['seal.key'])
  const sealed = sealers[0]?.seal('x', secret)
  assert.ok(sealed)
  for (const sealer of [...sealers, await openSealer(path)]) {
    assert.deepEqual(Buffer.from(sealer.unseal('x', sealed)), secret)
  }
})

test('a damaged key file and one that others may read are refused, and left as they are', async () => {
  const short = join(folder, 'short.key')
  await writeFile(short, 'too short', { mode: 0o600 })
  await assert.rejects(openSealer(short), KeyFileRefused)
  assert.equal(await readFile(short, 'utf8'), 'too short')
  const open = join(folder, 'open.key')
  await writeFile(open, randomBytes(32))
  await chmod(open, 0o644)
  await assert.rejects(openSealer(open), /Others may read/)
})
