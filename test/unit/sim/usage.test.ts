/** The simulation as a program says what it takes, and what is no option of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'

const main = join(import.meta.dirname, '../../../sim/main.ts')
const run = (...words: string[]) =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...words], { encoding: 'utf8' })

test('its usage, and a sentence in place of a stack trace', () => {
  const help = run('--help')
  assert.equal(help.status, 0, help.stderr)
  assert.match(help.stdout, /--hosts N[^]*--seed N/)
  const wrong = run('--hostz')
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /^Unknown option '--hostz'/)
  assert.doesNotMatch(wrong.stderr, /\n +at /)
})

test('who listens where it is to answer is named before anything is made', async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const taken = run('--listen', `127.0.0.1:${port}`)
  server.close()
  assert.equal(taken.status, 2)
  assert.match(taken.stderr, new RegExp(`^127.0.0.1:${port} is in use, by .*process ${process.pid}.*\\n.*--listen`))
  const wrong = run('--listen', 'here')
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /^--listen: "here" is not ADDRESS:PORT/)
})
