/** Completion as a shell does it: the script is sourced, and asked what fits. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { cli_argv, cliHome, collect, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
let home: Home

describe('cli/completion', () => {
  before(async () => {
    cloud = await testCloud()
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
    for (const name of ['nano', 'nine', 'big']) {
      await home.run('flavor', 'create', name, '--vcpus', '1', '--memory-mib', '128', '--disk-gib', '1')
    }
    // `croft` on the PATH, as a person has it.
    const bin = path.join(home.folder, 'bin')
    await mkdir(bin)
    await writeFile(path.join(bin, 'croft'), `#!/bin/sh\nexec ${cli_argv.map(word => `'${word}'`).join(' ')} "$@"\n`, {
      mode: 0o755,
    })
    home.env.PATH = `${bin}:${home.env.PATH}`
  })

  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  /** What bash would offer at the end of this line. */
  async function offers(line: string): Promise<string[]> {
    const words = line.split(' ')
    const script = [
      'eval "$(croft completion bash)"',
      `COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')})`,
      `COMP_CWORD=${words.length - 1}`,
      '_croft',
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join('\n')
    const child = spawn('bash', ['--norc', '-c', script], { env: home.env })
    const { code, stdout, stderr } = await collect(child)
    assert.equal(code, 0, stderr)
    return stdout.split('\n').filter(one => one !== '')
  }

  test('bash: nouns, verbs, options, words of a list, names from the API', async () => {
    assert.deepEqual(await offers('croft inst'), ['instance', 'instance-group'])
    assert.deepEqual(await offers('croft sign-'), ['sign-in', 'sign-out'])
    assert.deepEqual(await offers('croft instance st'), ['start', 'stop'])
    assert.deepEqual(await offers('croft instance s'), ['start', 'stop', 'ssh'])
    assert.deepEqual(await offers('croft instance create web --fl'), ['--flavor'])
    assert.deepEqual(await offers('croft flavor delete n'), ['nano', 'nine'])
    const all = await offers('croft flavor get ')
    assert.ok(['big', 'nano', 'nine'].every(name => all.includes(name)))
    assert.deepEqual(await offers('croft instance create web --flavor b'), ['big'])
    assert.deepEqual(await offers('croft network create n --kind o'), ['overlay'])
    assert.deepEqual(await offers('croft completion f'), ['fish'])
    assert.deepEqual(await offers('croft nonsense x'), [])
  })

  test('bash: what a setting takes, and only what a verb can still be done with', async () => {
    assert.deepEqual(await offers('croft setting set migration.auto_converge '), ['true', 'false'])
    assert.deepEqual(await offers('croft setting set metrics.interval_s 6'), ['60'])
    for (const [hostname, state] of [
      ['waits', 'pending'],
      ['was-refused', 'rejected'],
    ] as const)
      await sql`insert into host_registration (id, key_sha256, csr_pem, hostname, machine_id, address, state, expires_at)
        values (gen_random_uuid(), ${Buffer.from(hostname)}, '', ${hostname}, ${hostname}, '192.0.2.1', ${state}, now() + interval '1 day')`.execute(
        cloud.cloud.database.db,
      )
    assert.deepEqual(await offers('croft host-registration approve wa'), ['waits'])
    assert.deepEqual((await offers('croft host-registration get wa')).sort(), ['waits', 'was-refused'])
  })

  test('without a controller a completion is empty, at once and without a word', async () => {
    const child = await home.runWith(
      { env: { CROFT_URL: 'http://127.0.0.1:9' } },
      '__complete',
      '3',
      'croft',
      'flavor',
      'get',
      '',
    )
    assert.deepEqual([child.code, child.stdout, child.stderr], [0, '', ''])
  })

  for (const [shell, args] of [
    ['zsh', ['-n']],
    ['fish', ['--no-execute']],
  ] as const) {
    const there = spawnSync(shell, ['--version']).error === undefined
    test(`${shell}: the script is sound`, { skip: there ? false : `${shell} is not installed here` }, async () => {
      const { stdout } = await home.run('completion', shell)
      const file = path.join(home.folder, `completion.${shell}`)
      await writeFile(file, stdout)
      const { status, stderr } = spawnSync(shell, [...args, file], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
    })
  }
})
