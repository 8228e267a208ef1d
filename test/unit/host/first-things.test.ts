import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { firstThings } from '../../../src/host/up/first-things.ts'

void test('a first thing is made once in a cloud, and looked for ever after', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'croft-first-'))
  const place = { state_dir: folder.path }
  const make = () => Promise.resolve('made')
  const find = () => Promise.resolve<string | undefined>(undefined)
  const fails = () => Promise.reject<string>(new Error('no'))
  const first = await firstThings(place, 'p1')
  await assert.rejects(first.once('guest', fails, find), /no/)
  assert.equal(await first.once('guest', make, find), 'made', 'what failed was not made')
  assert.equal(await first.once('image', make, find), 'made')
  const later = await firstThings(place, 'p1')
  assert.equal(await later.once('guest', make, find), undefined)
  assert.equal(await later.once('image', make, () => Promise.resolve('found')), 'found')
  assert.equal(await later.once('network', make, find), 'made')
  const other = await firstThings(place, 'p2')
  assert.equal(await other.once('guest', make, find), 'made', 'a new cloud on the same machine')
  await writeFile(path.join(folder.path, 'first-cloud.json'), '{"made":')
  assert.equal(await (await firstThings(place, 'p1')).once('guest', make, find), 'made')
})
