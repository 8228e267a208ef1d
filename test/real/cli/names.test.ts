/** People know things by name: tables and sentences tell names where the API tells ids, to those who may know them. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

describe('cli/names', () => {
  let cloud: TestCloud
  let home: Home
  before(async () => {
    cloud = await testCloud()
    await addHost(cloud, 'h1')
    await addHost(cloud, 'spare')
    await addImage(cloud)
    await addNetwork(cloud)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
    const zone = ['--zone', 'default', '--wait']
    const made = await home.run('instance', 'create', 'web', '--image', 'tiny', '--flavor', 'tiny', ...zone)
    assert.equal(made.code, 0, made.stderr)
  })
  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  async function ok(line: string): Promise<string> {
    const { code, stdout, stderr } = await home.run(...line.split(' '))
    assert.equal(code, 0, `croft ${line}: ${stderr}`)
    return stdout
  }

  test('operations, events and the audit log name what they are about, and who did it', async () => {
    await ok('host maintenance start h1')
    await ok('host maintenance stop h1')
    assert.match(
      await ok('operation list'),
      /^KIND +STATE +PERCENT +RESOURCE +.*\ninstance\.create +succeeded +100 +web /,
    )
    assert.match(await ok('operation list --all-projects'), /^host\.maintenance .* h1 /m)
    assert.match(await ok('audit list'), /^AT +USER NAME +ACTION +RESOURCE +/)
    assert.match(await ok('audit list --action maintenance.start'), / admin +maintenance\.start +h1 /)
    assert.match(await ok('event list --noun instance'), /^AT +NOUN +KIND +RESOURCE +USER +DETAIL\n/)
    assert.match(await ok('event list --noun instance --no-latest'), / instance +created +web +admin /)
    assert.match(await ok('event list --noun host'), / host +changed +h1 +admin +maintenance=ended/)
  })

  test('who may not look at a thing learns no name of it', async () => {
    const { body: clerk } = await cloud.request('POST', '/v1/users', { body: { name: 'clerk' } })
    const permissions = ['operation.read', 'event.read']
    const role = await cloud.request('POST', '/v1/roles', { body: { name: 'clerk', permissions } })
    assert.equal(role.status, 201, JSON.stringify(role.body))
    const grant = { user_id: clerk.id, role: 'clerk', scope: 'project', project_id: cloud.project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    const token = await cloud.tokenOf(String(clerk.id), cloud.project_id)
    const { body: operations } = await cloud.request('GET', '/v1/operations', { token })
    const [created] = operations.items ?? []
    assert.deepEqual([created?.kind, created?.resource_name], ['instance.create', null])
    const { body: events } = await cloud.request('GET', '/v1/events?noun=instance', { token })
    assert.deepEqual([events.items?.[0]?.resource_name, events.items?.[0]?.user_name], [null, null])
  })

  test('a setting says who gave it its value', async () => {
    assert.match(await ok('setting set event.keep_days 20'), /^updated_by +admin \([0-9a-f-]{36}\)$/m)
    assert.match(await ok('setting get event.keep_days'), /^updated_by +admin \(/m)
    assert.equal(
      (JSON.parse(await ok('setting get event.keep_days --json')) as { updated_by_name: string }).updated_by_name,
      'admin',
    )
  })

  test('what was done is told with the name that it was asked for by', async () => {
    await ok('key-pair create mine')
    assert.equal((await home.run('key-pair', 'delete', 'mine')).stderr, 'Done: key pair delete mine.\n')
  })

  test('a machine that is let in says as which host, and where', async () => {
    const said = { hostname: 'h1', machine_id: 'other', address: '192.0.2.7', csr_pem: '', found: '{}' }
    const expires_at = new Date(Date.now() + 86_400_000)
    const id = crypto.randomUUID()
    const { db } = cloud.cloud.database
    await db
      .insertInto('host_registration')
      .values({ id, key_sha256: Buffer.alloc(32), ...said, expires_at })
      .execute()
    const { id: host_id, cluster_id } = await db
      .selectFrom('host')
      .selectAll()
      .where('name', '=', 'h1')
      .executeTakeFirstOrThrow()
    await db
      .updateTable('host_registration')
      .set({ host_id, cluster_id, state: 'approved' })
      .where('id', '=', id)
      .execute()
    const shown = await ok(`host-registration get ${id}`)
    assert.match(shown, /^host +h1$/m)
    assert.match(shown, /^cluster +default$/m)
  })

  test('an explanation names what was asked for', async () => {
    const explained = await ok('instance explain web')
    assert.match(explained, /^image +tiny$/m)
    assert.match(explained, /^project +default$/m)
    assert.match(explained, /^zone +default$/m)
  })

  test('a dry run sums up who was refused, as an explanation does', async () => {
    const big = ['--vcpus', '1', '--memory-mib', '400000', '--disk-gib', '1']
    assert.equal((await home.run('flavor', 'create', 'vast', ...big)).code, 0)
    const line = ['instance', 'create', 'none', '--image', 'tiny', '--flavor', 'vast']
    const planned = await home.run(...line, '--dry-run')
    const [, summary] = /\n(Refused, by reason:\nREASON +HOSTS +SUCH AS\n.* 2 +h1, spare\n)/.exec(planned.stdout) ?? []
    assert.ok(summary, planned.stdout)
    const { stderr } = await home.run(...line)
    const [, id = ''] = /placement get ([0-9a-f-]{36})/.exec(stderr) ?? []
    assert.ok((await ok(`placement get ${id}`)).includes(summary), stderr)
  })
})
