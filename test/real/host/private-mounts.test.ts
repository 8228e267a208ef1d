/** What libvirtd sees in place of files that are not for it. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { run } from '../../../src/lib/process.ts'
import { scratch } from '../../support/scratch.ts'

const program = path.join(import.meta.dirname, '../../../src/host/private-mounts.ts')

test('a device that is put over for reading is an empty file that not even root may write, there and nowhere else', async () => {
  const folder = await scratch('croft-private-mounts')
  try {
    const own = path.join(folder, 'own.conf')
    await writeFile(own, 'ours')
    const none = path.join(folder, 'none')
    await writeFile(none, '')
    const conf = path.join(folder, 'theirs.conf')
    await writeFile(conf, 'theirs')
    const over = ['--over', `${own}:${conf}`, '--over-for-reading', `${none}:/dev/zero`]
    const look = `cat ${conf}; test -r /dev/zero && echo -n ' readable'; test -w /dev/zero && echo -n ' writable'; test -w ${conf} && echo -n ' ours writable'; test -s /dev/zero || echo -n ' empty'`
    const argv = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      program,
      ...over,
      '--',
      '/bin/sh',
      '-c',
      look,
    ]
    const ran = await run(['unshare', '--mount', '--propagation', 'slave', '--', ...argv])
    assert.deepEqual([ran.stdout, ran.stderr], ['ours readable ours writable empty', ''])
    assert.equal(readFileSync(conf, 'utf8'), 'theirs')
    assert.ok(statSync('/dev/zero').isCharacterDevice())
  } finally {
    await rm(folder, { recursive: true })
  }
})
