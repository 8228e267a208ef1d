/** A bounded command of a guest (drivers/libvirt/guest-bounded.ts) where only so many processes may be. Needs root and prlimit(1). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync } from 'node:fs'
import { boundedCommand, cannotBound } from '../../src/agent/drivers/libvirt/guest-bounded.ts'

const processes_max = 9

interface Asked {
  /** Its path and first words. */
  shell: readonly string[]
  /** One for each count, as processes are counted by user, also those that nobody has asked after yet. */
  first_uid: number
  /** Where pipes are made. */
  dir: string
  most_ms: number
}

/** What came of it with one process, two, and so on: each has ended, has said what it is to say, and left nothing. */
export async function fewProcesses({ shell, first_uid, dir, most_ms }: Asked): Promise<('not begun' | 'done')[]> {
  chmodSync(dir, 0o1777)
  const counts = Array.from({ length: processes_max }, (_, n) => n + 1)
  const said = await Promise.all(counts.map(count => ranWith(count, { shell, first_uid, dir, most_ms })))
  assert.deepEqual(readdirSync(dir), [])
  return said
}

async function ranWith(count: number, { shell, first_uid, dir, most_ms }: Asked): Promise<'not begun' | 'done'> {
  const word = `not-begun-${count}`
  const command = boundedCommand({ ask: 'run', timeout_ms: 1000, argv: ['printf', 'done'] }, word) as { arg: string[] }
  const uid = first_uid + count
  const env = { PATH: process.env.PATH, TMPDIR: dir }
  const child = spawn('prlimit', [`--nproc=${count}`, ...shell, ...command.arg], {
    uid,
    gid: uid,
    cwd: '/',
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), most_ms)
  const out: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  const [exit_code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(timer)
  const stdout = Buffer.concat(out)
  const answer = { outcome: 'ran' as const, exit_code, signal: null, stdout: stdout.toString('base64'), stderr: '' }
  const not_begun = cannotBound({ ...answer, stdout_truncated: false, stderr_truncated: false }, word)
  if (not_begun) return 'not begun'
  assert.deepEqual([exit_code, signal, stdout.toString()], [0, null, 'done'], `${count} processes`)
  return 'done'
}
