/**
 * Evacuating a lost host, and removing it, takes a transaction for each instance: what came of each is looked up where the connection was lost at its
 * commit, that it was begun is in the audit log, and whatever comes in between, what has gone is told. What goes, and where to: evacuate.test.ts.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from 'pg'
import { poolOf } from '../../../sim/facts.ts'
import { hostRoutes } from '../../../src/api/host.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { CutDatabase } from '../../support/cut-database.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

/** Only what makes an instance go says so. */
const marker = 'Evacuated to '
const names = ['one', 'two', 'three']

describe('controller/evacuate-broken-off', { timeout: 300_000 }, () => {
  let database: CutDatabase
  let cloud: TestCloud
  let body: Record<string, unknown>
  let first: ObedientHost
  let second: ObedientHost
  let count = 0

  before(async () => {
    database = await CutDatabase.open()
    cloud = await testCloud({ database_url: database.url })
    await liftQuotas(cloud)
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items ?? []
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavor?.id, image_id: await addImage(cloud), networks }
  })
  after(async () => {
    await cloud.close()
    await database.close()
  })
  beforeEach(async () => {
    count += 1
    const pool = poolOf(`11111111-2222-4333-8444-${String(count).padStart(12, '0')}`)
    first = await addShared(`a${count}`, pool)
    second = await addShared(`b${count}`, pool)
  })
  afterEach(async () => {
    database.back()
    await second.disconnect()
    const ids = [first.id, second.id]
    await onServer('update host set removed_at = now() where id = any($1)', ids)
  })

  async function addShared(name: string, pool: object): Promise<ObedientHost> {
    const host = await addHost(cloud, name, {}, { ...pool, tunnel_address: `192.0.2.${count}` })
    host.asks_first = true
    await host.disconnect()
    await host.connect()
    return host
  }

  /** All of these on the first, which is lost and surely off. */
  async function lost({ deleted }: { deleted: boolean }, ...those: string[]): Promise<string[]> {
    const ids: string[] = []
    for (const name of those) {
      const made = await cloud.request('POST', '/v1/instances', {
        body: { ...body, name, host_id: first.id },
        headers: { prefer: 'wait=20' },
      })
      ids.push(replyOf(instanceRoutes.create, made).items[0]?.id ?? '')
    }
    if (deleted)
      for (const id of ids) await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=20' } })
    await first.disconnect()
    await onServer(`update host_absence set fenced_by = 'person', fenced_at = croft_now() where host_id = any($1)`, [
      first.id,
    ])
    return ids
  }

  /** Whether or not the controller can. */
  async function onServer(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: database.own.url })
    await client.connect()
    try {
      return (await client.query(text, values)).rows as Record<string, unknown>[]
    } finally {
      await client.end()
    }
  }

  const evacuate = (headers: Record<string, string> = {}): Promise<Answered> =>
    cloud.request('POST', `/v1/hosts/${first.id}/evacuate`, { headers })
  const removeLost = (more = '', headers: Record<string, string> = {}): Promise<Answered> =>
    cloud.request('DELETE', `/v1/hosts/${first.id}?lost=true${more}`, { headers })
  const audited = async () =>
    (await onServer('select action, outcome from audit where resource_id = $1 order by seq', first.id)).map(
      ({ action, outcome }) => `${String(action)} ${String(outcome)}`,
    )
  const moves = async () =>
    (await onServer('select instance_name from migration where source_host_id = $1 order by id', first.id)).map(
      row => row.instance_name,
    )
  const went = ({ body: { evacuated } }: Answered) => (evacuated as { instance: string }[]).map(one => one.instance)

  /** Of such an instance each start elsewhere fails in the database, in a way that nobody thought of. */
  async function failing(name: string, what: string): Promise<AsyncDisposable> {
    await onServer(`create function fail() returns trigger language plpgsql as $$ begin ${what}; return null; end $$`)
    await onServer(`create trigger fail after insert on migration for each row
      when (new.instance_name = '${name}') execute function fail()`)
    return { [Symbol.asyncDispose]: async () => void (await onServer('drop function fail cascade')) }
  }

  for (const trouble of ['answer lost', 'not sent'] as const) {
    test(`the connection lost in the middle (${trouble}): all go, once, and that is answered`, async () => {
      await lost({ deleted: false }, ...names)
      database.next(trouble, marker, 1)
      const asked = await evacuate()
      assert.equal(database.trouble, null, 'the connection was cut')
      assert.equal(asked.status, 202, JSON.stringify(asked.body))
      replyOf(hostRoutes.evacuate, asked)
      assert.deepEqual(went(asked), names)
      assert.deepEqual(await moves(), names)
      assert.deepEqual(await audited(), ['host.evacuate 202'])
    })

    test(`so at the removal of the host (${trouble})`, async () => {
      await lost({ deleted: false }, ...names)
      database.next(trouble, marker, 1)
      const asked = await removeLost()
      assert.equal(database.trouble, null, 'the connection was cut')
      assert.equal(asked.status, 204, JSON.stringify(asked.body))
      assert.deepEqual(await moves(), names)
      assert.deepEqual(await audited(), ['host.evacuate 202', 'host.remove 204'])
    })
  }

  for (const [what, ask, begun] of [
    ['an evacuation', evacuate, ['host.evacuate 202', 'host.evacuate 202']],
    ['a removal', removeLost, ['host.evacuate 202', 'host.evacuate 202', 'host.remove 204']],
  ] as const) {
    test(`the database goes away in the middle of ${what}: what has gone is said, its beginning is in the log, and the rest goes when it is asked again`, async () => {
      const [, id] = await lost({ deleted: false }, ...names)
      database.next('gone', marker, 1)
      const asked = await ask()
      assert.deepEqual([asked.status, asked.body.code], [503, 'unavailable'], JSON.stringify(asked.body))
      assert.match(
        String(asked.body.detail),
        /gone already: one \(to b\d+\)\. Whether two has is not known\. 1 more were not tried\. Ask again/,
      )
      assert.deepEqual(went(asked), ['one'])
      assert.deepEqual([asked.body.unsure, asked.body.not_tried], [[{ instance_id: id, instance: 'two' }], 1])
      // As after the death of the controller: what is in the database is all that there is.
      assert.deepEqual(await moves(), ['one'])
      assert.deepEqual(await audited(), ['host.evacuate 202'])
      database.back()
      await second.connect()
      const again = await ask()
      assert.ok(again.status < 300, JSON.stringify(again.body))
      assert.deepEqual(await moves(), names)
      assert.deepEqual(await audited(), begun)
    })
  }

  test('an error that nobody thought of keeps one instance, and no other one, and no list is lost', async () => {
    await lost({ deleted: false }, ...names)
    await using _ = await failing('two', `raise exception 'out of order'`)
    const asked = await evacuate()
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    const { left } = replyOf(hostRoutes.evacuate, asked)
    assert.deepEqual(went(asked), ['one', 'three'])
    assert.deepEqual(
      left.map(one => one.instance),
      ['two'],
    )
    assert.match(left[0]?.reason ?? '', /Something went wrong inside Croft; the log has it under request/)
  })

  test('the host is back when the last has gone: the removal is refused, and says that all have', async () => {
    await lost({ deleted: false }, ...names)
    const back = `update host set session_controller_id = (select session_controller_id from host where id = '${second.id}') where id = '${first.id}'`
    await using _ = await failing('three', back)
    const asked = await removeLost()
    assert.deepEqual([asked.status, asked.body.code], [409, 'wrong_state'], JSON.stringify(asked.body))
    assert.match(
      String(asked.body.detail),
      /answers, so it is not lost.*These 3 have gone already: one \(to b\d+\), two/,
    )
    assert.deepEqual(went(asked), names)
    assert.deepEqual(await audited(), ['host.evacuate 202', 'host.remove 409'])
  })

  test('what is wrong with the request is said before anything goes: what it would give up, and its key', async () => {
    const [id] = await lost({ deleted: false }, 'one')
    const much = await removeLost('&gives_up=1')
    assert.deepEqual([much.status, much.body.code, much.body.gives_up], [409, 'in_use', 0], JSON.stringify(much.body))
    assert.match(String(much.body.detail), /^Nothing would be given up/)
    const key = { 'idempotency-key': `used-${count}` }
    const other = { body: { name: `other-${count}`, vcpus: 1, memory_mib: 64, disk_gib: 1 }, headers: key }
    assert.equal((await cloud.request('POST', '/v1/flavors', other)).status, 201)
    for (const asked of [await evacuate(key), await removeLost('', key)])
      assert.deepEqual([asked.status, asked.body.code], [422, 'idempotency_mismatch'])
    assert.deepEqual(await moves(), [])
    assert.equal((await cloud.call(instanceRoutes.get, { params: { instance: id ?? '' } })).host_id, first.id)
    assert.deepEqual(await audited(), ['host.remove 409', 'host.evacuate 422', 'host.remove 422'])
  })

  test('with a key it is answered twice and done once', async () => {
    await lost({ deleted: false }, 'one')
    const key = { 'idempotency-key': `own-${count}` }
    const asked = await evacuate(key)
    assert.deepEqual(went(asked), ['one'])
    assert.deepEqual((await evacuate(key)).body, asked.body)
    assert.deepEqual(await audited(), ['host.evacuate 202'])
  })

  test('deleted ones that can still be recovered have their disks elsewhere, too: they go, and are not given up', async () => {
    await lost({ deleted: true }, 'one')
    const asked = await removeLost()
    assert.equal(asked.status, 204, JSON.stringify(asked.body))
    assert.deepEqual(await moves(), ['one'])
  })
})
