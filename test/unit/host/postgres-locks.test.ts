/** Whose lock a postmaster.pid is: taking a live server's away would let a second one write the same files. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { clearStaleLocks } from '../../../src/host/postgres/cluster.ts'

void test('a live server is known by its folder, also when that is reached through a link', async t => {
  const work = await mkdtemp(path.join(tmpdir(), 'croft-locks-'))
  t.after(() => rm(work, { recursive: true, force: true }))
  const real = path.join(work, 'disk2', 'postgres')
  await mkdir(real, { recursive: true })
  await symlink(path.join(work, 'disk2'), path.join(work, 'state'))
  const data_dir = path.join(work, 'state', 'postgres')
  const program = path.join(work, 'postgres')
  await copyFile('/bin/sleep', program)
  const server = spawn(program, ['60'], { cwd: real, stdio: 'ignore' })
  await once(server, 'spawn')
  const lock = path.join(data_dir, 'postmaster.pid')
  await writeFile(lock, `${server.pid}\n${data_dir}\n`)
  await assert.rejects(clearStaleLocks(data_dir, work, 5432), /runs already/)
  assert.deepEqual(await readdir(real), ['postmaster.pid'])
  server.kill('SIGKILL')
  await once(server, 'exit')
  await clearStaleLocks(data_dir, work, 5432)
  assert.deepEqual(await readdir(real), [])
})
