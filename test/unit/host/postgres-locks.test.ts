/** What a live server's is and what a killed one's: taking a live one's lock away would let a second one write the same files. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { clearLeftBehind } from '../../../src/host/postgres/left-behind.ts'

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
  await assert.rejects(clearLeftBehind(data_dir, work, 5432), /runs already/)
  assert.deepEqual(await readdir(real), ['postmaster.pid'])
  server.kill('SIGKILL')
  await once(server, 'exit')
  await clearLeftBehind(data_dir, work, 5432)
  assert.deepEqual(await readdir(real), [])
})

void test("a live server's processes are let be, also when its lock is lost; those of a killed one are ended", async t => {
  const work = await mkdtemp(path.join(tmpdir(), 'croft-locks-'))
  t.after(() => rm(work, { recursive: true, force: true }))
  const program = path.join(work, 'postgres')
  await copyFile('/bin/sleep', program)
  const data_dir = path.join(work, 'data')
  await mkdir(data_dir)
  const started = async (argv0: string) => {
    const child = spawn(program, ['60'], { cwd: data_dir, stdio: 'ignore', argv0 })
    await once(child, 'spawn')
    return child
  }
  const server = await started('/usr/lib/postgresql/18/bin/postgres')
  const session = await started('postgres: croft croft [local] SELECT')
  await clearLeftBehind(data_dir, work, 5432)
  assert.deepEqual([server.exitCode, session.exitCode, session.signalCode], [null, null, null])

  server.kill('SIGKILL')
  await once(server, 'exit')
  // Who is stopped hears nothing but the last signal.
  const stopped = await started('postgres: checkpointer')
  stopped.kill('SIGSTOP')
  const ends = Promise.all([session, stopped].map(child => once(child, 'exit')))
  await clearLeftBehind(data_dir, work, 5432)
  assert.deepEqual(await ends, [
    [null, 'SIGQUIT'],
    [null, 'SIGKILL'],
  ])
})
