/** What a host keeps beside its key: nothing, what was kept, or said to be damaged. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { keep, readKept } from '../../../src/agent/kept.ts'
import { scratch } from '../../support/scratch.ts'

test('what was kept is read again; what is damaged says so, and what to do', async t => {
  const folder = await scratch('croft-kept')
  t.after(() => rm(folder, { recursive: true }))
  const check = Compile(Type.Object({ n: Type.Integer() }))
  const read = () => readKept(folder, 'one.json', check, 'begin anew')
  assert.equal(await read(), null)
  await keep(folder, 'one.json', { n: 7 })
  assert.deepEqual(await read(), { n: 7 })
  for (const text of ['{"n": "7"}', '{"n": 7', '']) {
    await writeFile(join(folder, 'one.json'), text)
    await assert.rejects(read(), /one\.json is damaged; begin anew/)
  }
  await assert.rejects(readKept('/dev/null', 'one.json', check, ''), { code: 'ENOTDIR' })
})
