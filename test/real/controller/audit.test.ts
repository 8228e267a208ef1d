/** The audit log: complete, readable by whom it concerns, and any change to it shows. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { verifyAudit } from '../../../src/controller/app/audit-chain.ts'
import { sealAudit } from '../../../src/controller/reconcilers/audit-seal.ts'
import { linkHash } from '../../../src/controller/store/audit-chain.ts'
import { openDatabase, type Database } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { makeSealer, type Sealer } from '../../../src/lib/sealer.ts'
import { testDatabase } from '../../support/postgres.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'

let cloud: TestCloud
let bare: { database: Database; sealer: Sealer }
const stops: (() => Promise<void>)[] = []

describe('controller/audit', () => {
  before(async () => {
    cloud = await testCloud()
    stops.push(() => cloud.close())
  })
  after(async () => {
    for (const stop of stops.toReversed()) await stop()
  })

  async function prepare(url: string): Promise<void> {
    const database = openDatabase({ url, onError: console.error })
    await migrate(database.db)
    await database.close()
  }

  /** A database with nobody at work in it. */
  async function quiet(): Promise<typeof bare> {
    const own = await testDatabase(prepare)
    const database = openDatabase({ url: own.url, onError: console.error })
    stops.push(
      () => own.drop(),
      () => database.close(),
    )
    return { database, sealer: makeSealer(randomBytes(32), randomBytes) }
  }

  async function addRows(count: number): Promise<void> {
    await sql`insert into audit (user_name, request_id, method, path, action, outcome)
    select 'someone', gen_random_uuid(), 'POST', '/v1/x' || n, 'x.create', 201
    from generate_series(1, ${count}::int) n`.execute(bare.database.db)
  }

  async function seal(): Promise<void> {
    while (await sealAudit(bare));
  }

  test('the chain is checked over the API', async () => {
    const { status, body } = await cloud.request('GET', '/v1/audit/verify')
    assert.equal(status, 200)
    assert.equal(body.whole, true)
  })

  test('what was done, what was refused and who tried is there, newest first, by page and filter', async () => {
    await cloud.request('POST', '/v1/zones', { body: { name: 'z' } })
    await cloud.request('POST', '/v1/zones', { body: { name: 'z' } })
    await cloud.request('POST', '/v1/sign-in', { token: null, body: { user: 'admin', password: 'wrong one' } })
    const { body } = await cloud.request('GET', '/v1/audit')
    const rows = body.items ?? []
    assert.deepEqual(
      rows.map(row => [row.action, row.outcome, row.error]),
      [
        ['session.create', 401, 'sign_in_refused'],
        ['zone.create', 409, 'name_taken'],
        ['zone.create', 201, null],
      ],
    )
    assert.equal(rows[0]?.resource_id, 'default/admin')
    assert.equal(rows[2]?.user_id, cloud.admin_user_id)
    const first = await cloud.request('GET', '/v1/audit?limit=2')
    const second = await cloud.request('GET', `/v1/audit?limit=2&cursor=${String(first.body.next)}`)
    assert.deepEqual(
      [...(first.body.items ?? []), ...(second.body.items ?? [])].map(row => row.seq),
      rows.map(row => row.seq),
    )
    assert.equal((await cloud.request('GET', '/v1/audit?refused=true&action=zone.create')).body.items?.length, 1)
    assert.equal((await cloud.request('GET', '/v1/audit?since=2099-01-01T00:00:00Z')).body.items?.length, 0)
    assert.equal((await cloud.request('GET', '/v1/audit?since=yesterday')).status, 422)
  })

  test('what was changed of a zone, a cluster or a host is told from what to what, in the log and by an event', async () => {
    const host = await addHost(cloud, 'h1', { cpus: 8, memory_mib: 8192 })
    const { cluster_id } = (await cloud.request('GET', `/v1/hosts/${host.id}`)).body
    const { body: zone } = await cloud.request('POST', '/v1/zones', { body: { name: 'west' } })
    const changes: [string, string, Record<string, unknown>, Record<string, unknown>][] = [
      ['zone', String(zone.id), { name: 'far west' }, { name: { from: 'west', to: 'far west' } }],
      [
        'cluster',
        String(cluster_id),
        { cpu_overcommit: 7, ha_failures_tolerated: 1, name: 'default' },
        { cpu_overcommit: { from: 4, to: 7 }, ha_failures_tolerated: { from: 0, to: 1 } },
      ],
      [
        'host',
        host.id,
        { reserved_memory_mib: 512, schedulable: true, labels: { disk: 'ssd' } },
        { reserved_memory_mib: { from: null, to: 512 }, labels: { from: {}, to: { disk: 'ssd' } } },
      ],
    ]
    for (const [noun, id, body, changed] of changes) {
      assert.equal((await cloud.request('PATCH', `/v1/${noun}s/${id}`, { body })).status, 200)
      const [row] = (await cloud.request('GET', `/v1/audit?action=${noun}.update`)).body.items ?? []
      assert.deepEqual(row?.detail, { changed })
      const [told] = (await cloud.request('GET', `/v1/events?noun=${noun}&latest=true`)).body.items ?? []
      assert.deepEqual(told?.detail, { changed })
    }
    await cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: { schedulable: true } })
    const [same] = (await cloud.request('GET', '/v1/audit?action=host.update')).body.items ?? []
    assert.equal(same?.detail, null, 'nothing was changed by that')
  })

  test('a row says what it was about, also where the answer is empty or no thing, and where it was refused', async () => {
    const made = await cloud.request('POST', '/v1/zones', { body: { name: 'short-lived' } })
    const id = String(made.body.id)
    const never = crypto.randomUUID()
    await cloud.request('DELETE', `/v1/zones/${id}`)
    await cloud.request('PUT', `/v1/quotas/project/${cloud.project_id}`, { body: { instances: 7 } })
    await cloud.request('POST', `/v1/instances/${never}/console`, { body: { kind: 'serial' } })
    const rows = (await cloud.request('GET', '/v1/audit?limit=4')).body.items ?? []
    assert.deepEqual(
      rows.map(row => [row.action, row.outcome, row.resource_id]),
      [
        ['instance.console', 404, never],
        ['quota.set', 200, cloud.project_id],
        ['zone.delete', 204, id],
        ['zone.create', 201, id],
      ],
    )
    const theirs = await cloud.request('GET', `/v1/audit?resource_id=${id}`)
    assert.deepEqual(
      theirs.body.items?.map(row => row.action),
      ['zone.delete', 'zone.create'],
    )
  })

  test('the administrator of a domain sees that domain, and may not verify the whole', async () => {
    const domain = await cloud.request('POST', '/v1/domains', { body: { name: 'theirs' } })
    const domain_id = String(domain.body.id)
    const user = await cloud.request('POST', '/v1/users', { body: { name: 'boss', domain_id } })
    const user_id = String(user.body.id)
    await cloud.request('POST', '/v1/role-grants', {
      body: { user_id, role: 'domain-admin', scope: 'domain', domain_id },
    })
    const token = await cloud.tokenOf(user_id)
    await cloud.request('POST', '/v1/projects', { token, body: { name: 'own' } })
    const { body } = await cloud.request('GET', '/v1/audit', { token })
    assert.deepEqual(
      body.items?.map(row => row.action),
      ['project.create'],
    )
    assert.equal((await cloud.request('GET', '/v1/audit/verify', { token })).status, 403)
  })

  test('a chain over several batches is whole, also when controllers seal at once', async () => {
    bare = await quiet()
    await addRows(2500)
    await Promise.all([seal(), seal(), seal()])
    await seal()
    assert.deepEqual(await verifyAudit(bare), {
      whole: true,
      rows: 2500,
      unsealed: 0,
      first_broken_seq: null,
      reason: null,
    })
  })

  test('a row changed, added, moved or taken out is named', async () => {
    bare = await quiet()
    await addRows(20)
    await seal()
    const { db } = bare.database
    const rows = await db.selectFrom('audit').selectAll().orderBy('seq').execute()
    const seq = Number(rows[9]?.seq)
    const changes = [
      sql`update audit set user_name = 'someone else' where seq = ${seq}`,
      sql`update audit set at = at + interval '1 microsecond' where seq = ${seq}`,
      sql`update audit set error = '' where seq = ${seq}`,
      sql`update audit set hash = sha256(hash) where seq = ${seq}`,
      sql`delete from audit where seq = ${seq - 1}`,
    ]
    for (const change of changes) {
      await assert.rejects(
        bare.database.transaction(async tx => {
          await change.execute(tx)
          const verdict = await verifyAudit({ ...bare, database: { ...bare.database, db: tx } })
          assert.equal(verdict.whole, false)
          assert.equal(verdict.first_broken_seq, seq)
          throw new Error('roll back')
        }),
        /roll back/,
      )
    }
    assert.equal((await verifyAudit(bare)).whole, true)
  })

  test('a chain that was shortened, or written anew by someone without the key file, shows', async () => {
    bare = await quiet()
    const own = bare
    const { db } = own.database
    await addRows(10)
    await seal()
    await db.deleteFrom('audit').where('sealed_seq', '>', 8).execute()
    assert.match(String((await verifyAudit(own)).reason), /last 2 sealed rows were taken out/)
    // Rewritten from row 5 on, with hashes that fit.
    await sql`update audit set path = '/v1/harmless' where sealed_seq = 5`.execute(db)
    const { rows } = await sql<{ seq: number; sealed_seq: number; hash: Buffer; canonical: string }>`
    select seq, sealed_seq, hash, json_build_array(
      seq::text, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), user_id::text, user_name,
      project_id::text, request_id::text, address, method, path, action, resource_id, outcome::text, error)::text
      as canonical from audit where sealed_seq >= 4 order by sealed_seq`.execute(db)
    let before = rows[0]?.hash ?? Buffer.alloc(0)
    for (const row of rows.slice(1)) {
      before = linkHash(before, row.sealed_seq, row.canonical)
      await db.updateTable('audit').set({ hash: before }).where('seq', '=', row.seq).execute()
    }
    const shortened = await verifyAudit(own)
    assert.equal(shortened.whole, false)
    assert.match(String(shortened.reason), /taken out/)
    const stranger = { ...own, sealer: makeSealer(randomBytes(32), randomBytes) }
    assert.match(String((await verifyAudit(stranger)).reason), /does not open/)
    await db.deleteFrom('secret').execute()
    assert.match(String((await verifyAudit(own)).reason), /end of the chain was taken out/)
  })
})
