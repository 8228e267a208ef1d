/** What a script goes by: options that count, one JSON document from every command, and an exit code that tells whether it was well. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'

let cloud: TestCloud
let home: Home

describe('cli/script', () => {
  before(async () => {
    cloud = await testCloud()
    for (const name of ['h1', 'h2', 'h3']) await addHost(cloud, name)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
  })

  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  const run = (line: string) => home.run(...line.split(' '))

  async function ok(line: string): Promise<string> {
    const { code, stdout, stderr } = await run(line)
    assert.equal(code, 0, `croft ${line}: ${stderr}`)
    return stdout
  }

  const names = async (line: string) =>
    (JSON.parse(await ok(`${line} --json`)) as { name: string }[]).map(one => one.name)

  test('of several labels all count', async () => {
    await ok('host update h1 --label rack=r1 --label disk=ssd')
    await ok('host update h2 --label rack=r2 --label disk=ssd')
    assert.deepEqual((await names('host list --label disk')).sort(), ['h1', 'h2'])
    assert.deepEqual(await names('host list --label rack=r1 --label disk'), ['h1'])
    assert.deepEqual(await names('host list --label rack=r1 --label rack=r2'), [])
  })

  test('an option that takes one value is not given twice', async () => {
    const cases: [string, RegExp][] = [
      ['host list --zone a --zone b', /^croft: --zone was given twice; it takes one value\.\n/],
      ['instance list --limit 3 --limit=4', /--limit was given twice/],
      ['host list --json --project a --project b', /--project was given twice/],
      ['--url http://a --url http://b host list', /--url was given twice/],
      ['--project a instance list --project b', /^croft: --project was given twice; it takes one value\.\n/],
      ['--url http://a host list --url http://a', /--url was given twice/],
      ['search x --limit 1 --limit 2', /--limit was given twice/],
      ['host maintenance start h1 --reason a --reason b', /--reason was given twice/],
      ['subnet update x --gateway 10.0.0.1 --no-gateway', /--gateway and --no-gateway/],
    ]
    for (const [line, says] of cases) {
      const ended = await run(line)
      assert.equal(ended.code, 2, `${line}: ${ended.stderr}`)
      assert.match(ended.stderr, says)
    }
    assert.equal((await run('host list --json --json --schedulable --no-schedulable')).code, 0)
    // What the environment says is what holds where nothing else does.
    const env = { CROFT_PROJECT: 'nope' }
    assert.equal((await home.runWith({ env }, ...'--json instance list --project default --json'.split(' '))).code, 0)
  })

  test('a check that failed ends with 1, and its document is printed', async () => {
    const set = await home.runWith(
      { input: 'secret\n' },
      ...'host-bmc set h3 --kind redfish --address 127.0.0.1 --port 1 --user root --password -'.split(' '),
    )
    assert.equal(set.code, 0, set.stderr)
    const failed = await run('host-bmc test h3')
    assert.equal(failed.code, 1, failed.stdout)
    assert.match(failed.stdout, /^failure +\S/m)
    assert.match(failed.stderr, /^croft: The management controller .*/)
    const as_json = await run('host-bmc test h3 --json')
    assert.equal(as_json.code, 1)
    const { failure } = as_json.json() as { failure: string }
    const problem = JSON.parse(as_json.stderr) as { detail: string; exit_code: number }
    assert.ok(problem.detail.includes(failure), problem.detail)
    assert.equal(problem.exit_code, 1)
    const both = await run('host-bmc test h3 h2 --json')
    assert.equal(both.code, 1)
    const outcomes = both.json() as { target: string; answer?: { failure: string }; error?: { code: string } }[]
    assert.deepEqual(
      outcomes.map(one => [one.target, one.answer?.failure === failure, one.error?.code]),
      [
        ['h3', true, 'failed'],
        ['h2', false, 'not_found'],
      ],
    )
  })

  test('who ends a maintenance is told whether the host takes instances', async () => {
    const { db } = cloud.cloud.database
    const stop = async (name: string) => {
      await ok(`host maintenance start ${name}`)
      const { code, stderr } = await run(`host maintenance stop ${name}`)
      assert.equal(code, 0, stderr)
      return stderr
    }
    assert.equal(await stop('h1'), 'h1 takes instances again.\n')
    await ok('host update h2 --no-schedulable')
    assert.match(
      await stop('h2'),
      /^The maintenance of h2 is over\. It takes no instances: none may be placed there \(croft host update h2 --schedulable\)\.\n$/,
    )
    await db.updateTable('host').set({ session_controller_id: null }).where('name', '=', 'h3').execute()
    assert.match(await stop('h3'), /^The maintenance of h3 is over\. It takes no instances: \S.*\.\n$/)
    // It holds its link all the same, and so the scheduler places there.
    const { id } = await db.selectFrom('host').select('id').where('name', '=', 'h1').executeTakeFirstOrThrow()
    await sql`insert into host_absence (host_id, cause, since) values (${id}, 'late', croft_now())`.execute(db)
    assert.match(
      await stop('h1'),
      /^h1 takes instances again as long as its link holds\. It has missed two heartbeats\.[^\n]*\n$/,
    )
  })
})
