/** What a killed run has left below a mount of its own is not removed through it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runOk } from '../../../src/lib/process.ts'

const module_url = new URL('../../support/scratch.ts', import.meta.url).href

/** Another process, which makes a folder in `within` and goes on with `code`, that may use it: `folder`. It is killed if it would stay. */
async function inAnother(within: string, code: string): Promise<string> {
  const text = `import { scratch } from '${module_url}'; const folder = await scratch('croft-held'); ${code}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: within },
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    said += part
    if (said.endsWith('\n') && code.includes('setInterval')) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return said.trim()
}

test('what is mounted in the folder of a killed run is unmounted, never emptied', async () => {
  const mine = await mkdtemp(path.join(tmpdir(), 'croft-mine-'))
  try {
    const kept = path.join(mine, 'kept/file')
    await mkdir(path.dirname(kept))
    await writeFile(kept, 'x')
    const folder = await inAnother(mine, 'console.log(folder); setInterval(() => {}, 1000)')
    const lower = path.join(folder, 'root')
    const upper = path.join(lower, 'mnt')
    await mkdir(lower)
    await runOk(['mount', '-t', 'tmpfs', 'none', lower])
    await mkdir(upper)
    await runOk(['mount', '--bind', path.dirname(kept), upper])
    await inAnother(mine, 'process.exit()')
    assert.equal(existsSync(kept), true, 'what was mounted there has its files')
    assert.equal(existsSync(folder), false)
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder))
  } finally {
    await rm(mine, { recursive: true })
  }
})
