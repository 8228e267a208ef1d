/** The simulation as a program says what it takes, and what is no option of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const main = join(import.meta.dirname, '../../../sim/main.ts')
const run = (word: string) =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', main, word], { encoding: 'utf8' })

test('its usage, and a sentence in place of a stack trace', () => {
  const help = run('--help')
  assert.equal(help.status, 0, help.stderr)
  assert.match(help.stdout, /--hosts N[^]*--seed N/)
  const wrong = run('--hostz')
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /^Unknown option '--hostz'/)
  assert.doesNotMatch(wrong.stderr, /\n +at /)
})
