/** What is wrong is said so that a person can mend it, and with --json as one document of one form, whoever found it. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { joiningHost } from '../../../src/controller/store/joining-host.ts'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'

let cloud: TestCloud
let home: Home

describe('cli/refusals', () => {
  before(async () => {
    cloud = await testCloud()
    await addHost(cloud, 'h1')
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
  })

  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  async function refused(line: string): Promise<string> {
    const { code, stdout, stderr } = await home.run(...line.split(' '))
    assert.notEqual(code, 0, `${line}: ${stdout}`)
    return stderr
  }

  test('with --json every failure is one problem document', async () => {
    const cases: [string, string, number][] = [
      ['host get nope', 'not_found', 4],
      [`host get ${crypto.randomUUID()}`, 'not_found', 4],
      ['host lst', 'usage', 2],
      ['host get', 'usage', 2],
      ['host', 'usage', 2],
      ['host list --colour red', 'usage', 2],
      ['nope list', 'usage', 2],
      ['help nope', 'usage', 2],
      ['flavor create x --vcpus two', 'usage', 2],
      ['cluster create x! --zone default', 'invalid', 2],
      ['--url http://127.0.0.1:9 host list', 'unreachable', 7],
    ]
    for (const [line, code, exit_code] of cases) {
      const ended = await home.run(...line.split(' '), '--json')
      assert.equal(ended.code, exit_code, `${line}: ${ended.stderr}`)
      assert.equal(ended.stdout, '', line)
      const problem = JSON.parse(ended.stderr) as Record<string, unknown>
      assert.deepEqual([problem.code, problem.exit_code], [code, exit_code], line)
      for (const field of ['type', 'title', 'detail'])
        assert.ok(typeof problem[field] === 'string' && problem[field] !== '', `${line}: ${field} in ${ended.stderr}`)
    }
  })

  test('what does not fit is said by the option it was given by, with what is allowed', async () => {
    assert.match(
      await refused('cluster create x! --zone default'),
      /^croft: NAME must be as follows: letters, digits, space and \._@\+-, beginning with a letter or digit\.\n$/,
    )
    assert.match(await refused('host update h1 --name x!'), /^croft: --name must be as follows: letters/)
    assert.match(
      await refused('cluster create x --zone default --cpu-overcommit 99'),
      /--cpu-overcommit must be from 0.1 to 64/,
    )
    assert.match(
      await refused('host update h1 --tunnel-address x'),
      /--tunnel-address must be as follows: an IP address/,
    )
    for (const label of ['', '=x']) {
      const { code, stderr } = await home.run('host', 'list', '--label', label)
      assert.deepEqual(
        [code, stderr],
        [2, 'croft: --label must be as follows: a KEY, whatever its value, or KEY=VALUE.\n'],
      )
    }
    const id = '123e4567-e89b-12d3-a456-426614174000'
    assert.match(await refused(`host update h1 --name ${id}`), /^croft: --name must not be a UUID: .*Choose a name/)
    assert.equal(
      await cloud.cloud.database.transaction(tx => joiningHost.freeName(tx, id.toUpperCase())),
      `host-${id.toUpperCase()}`,
    )
    const { status, body } = await cloud.request('GET', '/v1/operations?resource_id=web')
    assert.equal(status, 422)
    assert.match(String(body.detail), /^The query does not fit: resource_id must be an id: a UUID, lower case\./)
    const kind = await cloud.request('POST', '/v1/networks', { body: { name: 'n', kind: 'zebra' } })
    assert.match(String(kind.body.detail), /: kind must be one of: overlay, external\./)
  })

  test('a name where only ids are known is no name, unless it is said what of', async () => {
    const events = await home.run('event', 'list', '--noun', 'host', '--resource', 'h1', '--json')
    assert.equal(events.code, 0, events.stderr)
    assert.ok((events.json() as { noun: string }[]).length > 0)
    assert.match(await refused('event list --resource h1'), /--resource: "h1" is not an id\.\n {2}.* --noun host/)
    const move = await refused('migration cancel web')
    assert.match(
      move,
      /"web" is not an id; a migration is named by its id\.\n {2}croft migration list --instance INSTANCE/,
    )
  })

  test('settings: where they may differ, which there are, what they take', async () => {
    const { stdout } = await home.run('setting', 'list')
    assert.match(stdout, /^NAME +VALUE +SOURCE +SCOPES +DEFAULT/)
    assert.match(await refused('setting set nope 1'), /There is no setting nope\..* croft setting list/)
    assert.match(
      await refused('setting set instance.stop_timeout_s 0'),
      /instance\.stop_timeout_s must be from 1 to 3600\./,
    )
    assert.match(await refused('setting set scheduler.module_failure x'), /must be one of: skip, refuse\./)
    assert.match(await refused('setting set host.self_registration 3'), /must be true or false\./)
    const of_host = await home.run('setting', 'history', '--host', 'h1', '--json')
    assert.deepEqual([of_host.code, of_host.json()], [0, []], of_host.stderr)
    assert.equal((await home.run('setting', 'set', 'metrics.interval_s', '30', '--host', 'h1')).code, 0)
    assert.match((await home.run('setting', 'history', '--host', 'h1')).stdout, /metrics\.interval_s +host +h1/)
    assert.match((await home.run('setting', 'values', 'metrics.interval_s', '--host', 'h1')).stdout, /host +h1 +30/)
    const { stdout: found } = await home.run('__complete', '3', 'croft', 'setting', 'get', 'instance.stop')
    assert.match(found, /^instance\.stop_timeout_s$/m)
  })

  test('what an action needs is named, though the name of what it is about is looked up first; and nothing less than enough', async () => {
    const domain_id = (await cloud.request('POST', '/v1/domains', { body: { name: 'shop' } })).body.id
    const user = await cloud.request('POST', '/v1/users', { body: { name: 'sue', domain_id } })
    const user_id = String(user.body.id)
    const permissions = ['setting.read', 'setting.manage']
    await cloud.request('POST', '/v1/roles', { body: { name: 'tuner', permissions } })
    const member = { CROFT_TOKEN: await cloud.tokenOf(user_id, String(cloud.project_id)) }
    const told = async (line: string) => {
      const { code, stderr } = await home.runWith({ env: member }, ...line.split(' '))
      assert.equal(code, 5, stderr)
      return stderr
    }
    const both = (needs: string, noun = 'host "h1"') =>
      new RegExp(
        `^croft: This needs the permission ${needs} on the whole system; and to find the ${noun} by its name, topology\\.read on the whole system, which you do not hold\\..* has both;`,
      )
    assert.match(await told('host fence h1'), both('host.fence'))
    assert.match(await told('host evacuate h1'), both('topology.manage'))
    assert.match(await told('host maintenance start h1'), both('topology.manage'))
    assert.match(await told('cluster update default --name x'), both('topology.manage', 'cluster "default"'))
    assert.match(
      await told('setting set metrics.interval_s 30 --cluster default'),
      both('setting.manage', 'cluster "default"'),
    )
    assert.match(
      await told('host get h1'),
      /^croft: This needs the permission topology\.read on the whole system, which/,
    )
    const h1 = ((await cloud.request('GET', '/v1/hosts?name=h1')).body.items as { id: string }[])[0]?.id
    assert.match(
      await told(`host fence ${h1}`),
      /^croft: This needs the permission host\.fence on the whole system, which/,
    )
    const problem = JSON.parse(await told('host fence h1 --json')) as Record<string, unknown>
    assert.deepEqual([problem.code, problem.permission], ['forbidden', 'host.fence'])

    const other = await cloud.request('POST', '/v1/users', { body: { name: 'fay', domain_id } })
    await cloud.request('POST', '/v1/roles', { body: { name: 'fencer', permissions: ['host.fence'] } })
    const granted = { user_id: other.body.id, role: 'fencer', scope: 'system' }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: granted })).status, 201)
    const fay = { CROFT_TOKEN: await cloud.tokenOf(String(other.body.id), String(cloud.project_id)) }
    assert.match(
      (await home.runWith({ env: fay }, 'host', 'fence', 'h1')).stderr,
      /^croft: To find the host "h1" by its name, this needs the permission topology\.read on the whole system, which/,
      'what is held is not named',
    )

    // The same before it is granted in a domain and after it, since there it does not suffice.
    const everywhere = /needs the permission setting\.(read|manage) on the whole system/
    const lines = ['setting list', 'setting set metrics.interval_s 30']
    for (const line of lines) assert.match(await told(line), everywhere)
    assert.match(await told(`setting list --project ${cloud.project_id}`), /setting\.read in that domain/)
    await cloud.request('POST', '/v1/role-grants', { body: { user_id, role: 'tuner', scope: 'domain', domain_id } })
    for (const line of lines) assert.match(await told(line), everywhere)
  })

  test('what cannot be ended, deleted or joined says what is so', async () => {
    const idle = await home.run('host', 'maintenance', 'stop', 'h1')
    assert.equal(idle.code, 6)
    assert.equal(idle.stderr, 'croft: The host h1 is not in maintenance; there is nothing to end.\n')
    assert.match(await refused('host maintenance show h1'), /Begin it: croft host maintenance start h1/)
    assert.equal((await home.run('host', 'maintenance', 'show', 'h1', '--json')).code, 6)
    assert.match(
      await refused('host maintenance stop nope'),
      /There is no host "nope"\.\n {2}croft host list shows what there is\.\n$/,
    )
    assert.match(await refused('migration list --host nope'), /One that was removed is named by its id/)
    assert.match(await refused('cluster delete default'), /croft host update HOST --cluster CLUSTER/)
    const said = { hostname: 'h1', machine_id: 'other', address: '192.0.2.7', csr_pem: '', found: '{}' }
    const expires_at = new Date(Date.now() + 86_400_000)
    await cloud.cloud.database.db
      .insertInto('host_registration')
      .values({ id: crypto.randomUUID(), key_sha256: Buffer.alloc(32), ...said, expires_at })
      .execute()
    const { stdout: asking } = await home.run('host-registration', 'list')
    assert.match(asking, /^NAME +STATE +CODE +ADDRESS +SAME NAME +SAME MACHINE.*\nh1 +pending .* 192\.0\.2\.7 +h1 +- /)
    const joining = async () => (await home.run('host', 'joining')).stderr
    assert.equal((await home.run('setting', 'set', 'host.self_registration', 'false')).code, 0)
    assert.match(await joining(), /Warning: Machines without a token are not let in now.*croft host invite/)
    assert.equal((await home.run('setting', 'set', 'host.self_registration', 'true')).code, 0)
    assert.doesNotMatch(await joining(), /not let in/)
  })

  test('hosts by zone, and by whether anything may be placed there', async () => {
    const names = async (...words: string[]) =>
      ((await home.run('host', 'list', ...words, '--json')).json() as { name: string }[]).map(one => one.name)
    assert.equal((await home.run('zone', 'create', 'far', '--region', 'default')).code, 0)
    assert.deepEqual(await names('--zone', 'default'), ['h1'])
    assert.deepEqual(await names('--zone', 'far'), [])
    assert.deepEqual(await names('--no-schedulable'), [])
    assert.equal((await home.run('host', 'update', 'h1', '--no-schedulable')).code, 0)
    assert.deepEqual(await names('--no-schedulable', '--sort', '-fullness_percent'), ['h1'])
    assert.deepEqual(await names('--schedulable'), [])
  })

  test('events of what there are none of are refused, with what there is', async () => {
    const bogus = await home.run('event', 'list', '--noun', 'bogus')
    assert.equal(bogus.code, 2)
    assert.match(bogus.stderr, /--noun: "bogus" is not one of aggregate, .*host, /)
    const { status, body } = await cloud.request('GET', '/v1/events?noun=bogus')
    assert.deepEqual([status, body.code], [422, 'invalid'])
    assert.match(String(body.detail), /noun must be one of: aggregate, .*zone\.$/)
  })

  test('a number is told with its unit and with what is allowed', async () => {
    assert.match(
      await refused('setting set metrics.interval_s 30s'),
      /metrics\.interval_s must be a whole number of seconds: 0, 5, 10, 15, 20, 30, 60\./,
    )
    assert.match(
      await refused('setting set instance.stop_timeout_s soon'),
      /stop_timeout_s must be a whole number of seconds, from 1 to 3600\./,
    )
    assert.match(
      await refused('host update h1 --reserved-memory-mib 4GiB'),
      /^croft: --reserved-memory-mib: "4GiB" is not a whole number of MiB\.\n/,
    )
    assert.match(await refused('flavor create x --vcpus two --memory-mib 1'), /"two" is not a whole number\.\n/)
  })

  test('what is only looked at is said to be no id, and not that nothing was changed', async () => {
    assert.match(await refused('placement get xyz'), /^croft: "xyz" is not an id; a placement is named by its id\.\n$/)
    assert.match(await refused('ha-restart get xyz'), /is not an id; an HA restart is named by its id\./)
    const { body: read } = await cloud.request('GET', '/v1/placements/xyz')
    assert.equal(read.detail, 'The path does not fit: placement must be an id: a UUID, lower case.')
    const { body: changed } = await cloud.request('DELETE', '/v1/hosts/xyz')
    assert.match(String(changed.detail), / Nothing was changed\.$/)
    const { stdout: by_id } = await home.run('placement', 'get', '--help')
    assert.match(by_id, /^ +placement +id; several may be named$|^ +placement +id$/m)
    assert.match((await home.run('host', 'get', '--help')).stdout, /^ +host +name or id; /m)
  })

  test('a wrong verb or option names the help that has the right ones', async () => {
    assert.match(await refused('host-bmc list'), /\(croft host-bmc --help tells what there is\)/)
    assert.match(await refused('host list --colour'), /\(croft host list --help tells what there is\)/)
    assert.match(
      await refused('host maintenance start a b'),
      /\(croft host maintenance start --help tells what there is\)/,
    )
    assert.match(await refused('host maintenance bogus'), /\(croft host maintenance --help tells what there is\)/)
    assert.match(await refused('nope list'), /\(--help tells what there is\)/)
    const hint = async (line: string) => (JSON.parse(await refused(`${line} --json`)) as { hint: string }).hint
    assert.equal(await hint('host-bmc list'), 'croft host-bmc --help tells what there is.')
    assert.equal(await hint('nope list'), 'croft --help tells what there is.')
    const first = (line: string) => hint(`--project default --json -q ${line}`)
    assert.equal(await first('host bogus'), 'croft host --help tells what there is.')
    assert.equal(await first('host list --colour red'), 'croft host list --help tells what there is.')
  })

  test('a search says of what there is more', async () => {
    for (let n = 1; n <= 4; n++) assert.equal((await home.run('project', 'create', `many-${n}`)).code, 0)
    const all = await home.run('search', 'many-')
    assert.deepEqual([all.stdout.split('\n').length, all.stderr], [6, ''])
    const some = await home.run('search', 'many-', '--limit', '3')
    assert.equal(some.stdout.split('\n').length, 5)
    assert.equal(some.stderr, 'There are more projects than these 3: --limit 12 shows more.\n')
    const as_json = (await home.run('search', 'many-', '--limit', '3', '--json')).json() as { items: object[] }
    assert.equal(as_json.items.length, 3)
    assert.equal((await home.run('search', 'many-', '--limit', '0')).code, 2)
    for (let n = 5; n <= 49; n++) await cloud.request('POST', '/v1/projects', { body: { name: `many-${n}` } })
    assert.equal((await home.run('search', 'many-', '--limit', '50')).stderr, '')
    await cloud.request('POST', '/v1/projects', { body: { name: 'many-50' } })
    const most = await home.run('search', 'many-', '--limit', '50')
    assert.equal(most.stderr, 'Perhaps there are more projects than these 50: a longer text finds fewer.\n')
  })
})
