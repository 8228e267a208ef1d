/** Which controllers an agent knows: those of its joining for ever, others as they come and go. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pino from 'pino'
import { loadControllers } from '../../../src/agent/controllers.ts'

const log = pino({ level: 'silent' })
const link = (host: string) => `wss://${host}:7071/agent/v1/link`
let folder: string
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'croft-controllers-'))))
after(() => rm(folder, { recursive: true }))

test('one that came later is learnt and kept, one that is gone is forgotten, those of the joining stay', async () => {
  const first = await loadControllers(folder, [link('a')], log)
  assert.deepEqual(first.urls, [link('a')])
  await first.learn([link('b'), link('c')])
  assert.deepEqual(first.urls, [link('b'), link('c'), link('a')])
  const again = await loadControllers(folder, [link('a')], log)
  assert.deepEqual(again.urls, first.urls)
  await again.learn([link('c'), link('a')])
  assert.deepEqual(again.urls, [link('c'), link('a')])
  await again.learn([])
  assert.deepEqual(again.urls, [link('c'), link('a')])
})

test('what is not the address of a link is not dialled', async () => {
  const known = await loadControllers(folder, [link('a')], log)
  await known.learn([link('b')])
  for (const bad of [
    'ws://x:1/agent/v1/link',
    'https://x/agent/v1/link',
    'wss://x/other',
    'wss://u:p@x/agent/v1/link',
    'x',
  ]) {
    await known.learn([bad])
    assert.deepEqual(known.urls, [link('b'), link('a')], bad)
  }
  await known.learn(['wss://x/other', link('d')])
  assert.deepEqual(known.urls, [link('d'), link('a')])
})

test('a damaged list is as none', async () => {
  await writeFile(join(folder, 'controllers.json'), '{"link_urls": 7')
  assert.deepEqual((await loadControllers(folder, [link('a')], log)).urls, [link('a')])
})
