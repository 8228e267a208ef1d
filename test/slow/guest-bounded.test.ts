/** A bounded command of a guest where no more processes may be, and its shell is bash: which tries for a quarter of a minute each time. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fewProcesses } from '../support/few-processes.ts'

test('bash: where no more processes may be it ends, and leaves nothing', { timeout: 120_000 }, async t => {
  const bash = spawnSync('sh', ['-c', 'command -v bash']).stdout.toString().trim()
  if (bash === '' || process.getuid?.() !== 0) return t.skip('needs bash, and root to be another user')
  const dir = mkdtempSync(join(tmpdir(), 'croft-bounded-'))
  try {
    // As it is where it is /bin/sh.
    const said = await fewProcesses({ shell: [bash, '--posix'], first_uid: 64_400, dir, most_ms: 90_000 })
    assert.ok(said.includes('not begun') && said.includes('done'), said.join())
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
