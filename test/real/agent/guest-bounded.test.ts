/** The script that bounds what a command in a guest writes, run by the shells that are here as a guest's agent would. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { boundedCommand, cannotBound } from '../../../src/agent/drivers/libvirt/guest-bounded.ts'
import { type GuestCommand, guestBounds } from '../../../src/protocol/guest.ts'
import { fewProcesses } from '../../support/few-processes.ts'

const word = 'it-cannot-be-done'
const most = guestBounds.output_bytes_max
/** bash as it is where it is /bin/sh: by that name. */
const shells = [['/bin/sh'], ['bash'], ['busybox', 'sh']].filter(
  ([path = '', ...more]) => spawnSync(path, [...more, '-c', 'exit 0']).status === 0,
)
/** Found here, as the environment of a command says nothing of where a shell is. */
const pathOf = (program: string) =>
  spawnSync('sh', ['-c', `command -v ${program}`])
    .stdout.toString()
    .trim()

interface Made {
  arg: string[]
  env?: string[]
  'input-data'?: string
}

function made(asked: Partial<GuestCommand> & { argv: string[] }): Made {
  const command = boundedCommand({ ask: 'run', timeout_ms: 1000, ...asked }, word)
  assert.ok(command)
  return command as Made
}

/** As what begins a program takes it. */
const variables = (env: readonly string[]): Record<string, string> =>
  Object.fromEntries(env.map(one => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]))

describe('agent/guest-bounded', () => {
  let dir: string
  before(() => (dir = mkdtempSync(join(tmpdir(), 'croft-bounded-'))))
  after(() => rmSync(dir, { recursive: true, force: true }))

  interface Ran {
    code: number | null
    signal: NodeJS.Signals | null
    stdout: Buffer
    stderr: Buffer
  }

  /** As qemu-ga does: all of both outputs, to their ends. */
  function run(shell: readonly string[], asked: Partial<GuestCommand> & { argv: string[] }, env = {}): Promise<Ran> {
    const { arg, env: own, 'input-data': input = '' } = made(asked)
    const [path = '', ...more] = shell
    const options = {
      cwd: '/',
      env: own ? variables(own) : { PATH: process.env.PATH, TMPDIR: dir, ...env },
      argv0: path === 'bash' ? 'sh' : path,
    }
    const child = spawn(pathOf(path), [...more, ...arg], options)
    const out: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
    for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => out[name].push(chunk))
    // Who does not read it is no fault.
    child.stdin.on('error', () => undefined)
    child.stdin.end(Buffer.from(input, 'base64'))
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr) })
      })
    })
  }

  const texts = ({ code, signal, stdout, stderr }: Ran) => [code, signal, stdout.toString(), stderr.toString()]

  for (const shell of shells) {
    const by = shell.join(' ')
    test(`${by}: words are words, and code, outputs and input are the command's own`, async () => {
      assert.deepEqual(texts(await run(shell, { argv: ['printf', '%s|', '$HOME; "a b"', '*', '', "'"] })), [
        0,
        null,
        '$HOME; "a b"|*||\'|',
        '',
      ])
      const script = 'cat; echo there >&2; exit 7'
      const fed = { argv: ['sh', '-c', script], stdin: Buffer.from('line\n').toString('base64') }
      assert.deepEqual(texts(await run(shell, fed)), [7, null, 'line\n', 'there\n'])
      assert.equal((await run(shell, { argv: ['sh', '-c', 'exit 125'] })).code, 125)
      const killed = await run(shell, { argv: ['sh', '-c', 'kill -9 $$'] })
      assert.deepEqual([killed.code, killed.signal], [null, 'SIGKILL'])
      assert.deepEqual(readdirSync(dir), [])
    })

    test(`${by}: an environment of its own is all that it has, and finds its program all the same`, async () => {
      const seen = async (env: string[]) => {
        const { code, stdout, stderr } = await run(shell, { argv: ['env', '-0'], env })
        assert.deepEqual([code, stderr.toString()], [0, ''])
        return stdout.toString().split('\0').filter(Boolean).sort()
      }
      // None of a shell's own, none lost that a shell or a script goes by, and no word of the shell about a locale that is not there.
      const usual = ['A=$A `x` "\'\\', 'B=x y', 'C=', 'D=a=b\nc ä\u{1f600}ā ']
      const known = [
        'HOME=/x',
        'IFS=x',
        'LC_ALL=xx_YY.UTF-8',
        'OLDPWD=/no',
        'PATH=/nowhere',
        'PS4=x',
        'PWD=/no',
        'TMPDIR=/no',
      ]
      const ours = ['croft_1=x', 'croft_all=y', 'croft_at=/no', 'croft_count=7', 'dir=1', 'n=2', 'word=3']
      const many = Array.from({ length: 64 }, (_, n) => `N${n + 10}=${n}`)
      for (const env of [usual, [], known, ours, many]) assert.deepEqual(await seen(env), env)
      const argv = ['sh', '-c', 'echo "$1 $2 $A"', 'x', 'one', 'two three']
      assert.deepEqual(texts(await run(shell, { argv, env: ['A=b'] })), [0, null, 'one two three b\n', ''])
      // Or the agent's, whole.
      assert.match((await run(shell, { argv: ['env'] }, { GIVEN: 'here' })).stdout.toString(), /^GIVEN=here$/m)
    })

    test(`${by}: an environment is no word, and neither the shell nor its helpers go by it`, async () => {
      const secret = 'kept-nowhere'
      assert.ok(!JSON.stringify(made({ argv: ['true'], env: [`TOKEN=${secret}`] }).arg).includes(secret))
      const own = mkdtempSync(join(dir, 'path-'))
      for (const name of ['head', 'cat', 'mktemp', 'mkfifo', 'rm', 'env'])
        writeFileSync(join(own, name), '#!/bin/sh\necho wrong\n', { mode: 0o755 })
      const env = [`PATH=${own}`, 'LD_PRELOAD=/no/such.so', 'TMPDIR=/no']
      const argv = [pathOf('sh'), '-c', 'unset LD_PRELOAD; echo right; head']
      const { code, stdout } = await run(shell, { argv, env })
      assert.deepEqual([code, stdout.toString()], [0, 'right\nwrong\n'])
      rmSync(own, { recursive: true })
    })

    test(`${by}: what is too much is dropped, and the command goes on to its end`, async () => {
      const flood = 'head -c 20000000 /dev/zero; echo end >&2; head -c 3000000 /dev/zero >&2; exit 3'
      const { code, stdout, stderr } = await run(shell, { argv: ['sh', '-c', flood] })
      assert.deepEqual([code, stdout.length, stderr.length], [3, most + 1, most + 1])
      assert.equal(stderr.subarray(0, 4).toString(), 'end\n')
    })

    test(`${by}: the readers are no children of a command that waits for its own`, async () => {
      assert.equal((await run(shell, { argv: ['sh', '-c', 'wait; echo done'] })).stdout.toString(), 'done\n')
      const python = ['python3', '-c', 'import os\ntry:\n  os.wait()\nexcept ChildProcessError: print("none")']
      const waited = await run(shell, { argv: python })
      if (waited.code !== 125) assert.equal(waited.stdout.toString(), 'none\n')
    })

    test(`${by}: where it cannot be done it says so, and has begun nothing`, async () => {
      const gives_up = async (argv: string[], env = {}, own?: string[]) => {
        const ran = await run(shell, { argv, ...(own && { env: own }) }, env)
        const { stdout, code: exit_code } = ran
        const told = { outcome: 'ran' as const, exit_code, signal: null, stdout: stdout.toString('base64'), stderr: '' }
        assert.ok(cannotBound({ ...told, stdout_truncated: false, stderr_truncated: false }, word), argv.join(' '))
        assert.equal(ran.stderr.toString(), '')
      }
      await gives_up(['no-such-program'])
      await gives_up(['/no/such/program'])
      await gives_up(['/etc'])
      await gives_up(['-c', 'true'])
      await gives_up(['a=b'], {}, ['C=d'])
      assert.deepEqual(readdirSync(dir), [])
    })
  }

  // bash tries for a quarter of a minute each time: test/slow/guest-bounded.test.ts.
  for (const [n, shell] of shells.filter(([path]) => path !== 'bash').entries()) {
    const skip =
      process.getuid?.() === 0 ? false : 'how many processes there may be is told to another user: needs root'
    test(`${shell.join(' ')}: where no more processes may be it ends, and leaves nothing`, { skip }, async () => {
      const said = await fewProcesses({
        shell: [pathOf(shell[0] ?? ''), ...shell.slice(1)],
        first_uid: 64_300 + 20 * n,
        dir,
        most_ms: 5000,
      })
      assert.ok(said.includes('not begun') && said.includes('done'), said.join())
    })
  }

  test('a command that says that word with another code, or more than it, is none that could not be begun', () => {
    const ran = { outcome: 'ran' as const, signal: null, stderr: '', stdout_truncated: false, stderr_truncated: false }
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    assert.ok(cannotBound({ ...ran, exit_code: 125, stdout: base64(word) }, word))
    assert.ok(!cannotBound({ ...ran, exit_code: 0, stdout: base64(word) }, word))
    assert.ok(!cannotBound({ ...ran, exit_code: 125, stdout: base64(`${word}\n`) }, word))
    assert.ok(!cannotBound({ outcome: 'failed', why: 'silent' }, word))
  })
})
