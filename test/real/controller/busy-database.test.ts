/** Requests that wait for what others have locked: they end with what to do, and nothing that keeps hosts' guests alive waits behind them. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { poolOf } from '../../../sim/facts.ts'
import { mayRedo } from '../../../src/controller/app/change.ts'
import { keepLease } from '../../../src/controller/reconcilers/controllers.ts'
import { type Answered, type TestCloud, type TestCloudOptions, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

/** More than the requests' connections, and than all that there were once. */
const crowd = 25

for (const [name, waits] of [
  ['a connection', { connection_wait_ms: 500, lock_wait_ms: 60_000 }],
  ['a lock', { lock_wait_ms: 500 }],
] as const) {
  describe(`controller/busy-database: requests wait for ${name}`, { timeout: 120_000 }, () => {
    let own: TestDatabase
    let cloud: TestCloud
    let client: Client
    let hosts: ObedientHost[]
    let body: Record<string, unknown>
    let cluster_id: string

    before(async () => {
      own = await testDatabase()
      cloud = await testCloud({
        database_url: own.url,
        connections: { connections_max: 16, ...waits },
      } satisfies TestCloudOptions)
      await liftQuotas(cloud)
      const asked = { name: 'gib', vcpus: 1, memory_mib: 1024, disk_gib: 1 }
      const flavor = await cloud.request('POST', '/v1/flavors', { body: asked })
      const image_id = await addImage(cloud)
      const network_id = await addNetwork(cloud)
      body = { flavor_id: flavor.body.id, image_id, networks: [{ network_id }] }
      const at = (n: number) => ({ ...poolOf(crypto.randomUUID()), tunnel_address: `192.0.2.${n}` })
      hosts = [await addHost(cloud, 'h1', big, at(1)), await addHost(cloud, 'h2', big, at(2))]
      // One that keeps a reserve is locked by who places in it.
      const [cluster] = (await cloud.request('GET', '/v1/clusters')).body.items ?? []
      cluster_id = String(cluster?.id)
      await cloud.request('PATCH', `/v1/clusters/${cluster_id}`, { body: { ha_failures_tolerated: 1 } })
      client = new Client({ connectionString: own.url })
      await client.connect()
    })
    after(async () => {
      await client.end()
      for (const host of hosts) await host.disconnect()
      await cloud.close()
      await own.drop()
    })

    const big = { cpus: 64, memory_mib: 100_000 }
    /** Unlike each other, unless they are to be done together. */
    const create = (n: number, more: object = { tags: { n: String(n) } }) =>
      cloud.request('POST', '/v1/instances', {
        body: { ...body, name: `r${n}`, host_id: hosts[0]?.id, ...more },
        headers: { 'idempotency-key': `create ${n}` },
      })
    async function lock(): Promise<void> {
      await client.query('begin')
      await client.query('select from cluster where id = $1 for no key update', [cluster_id])
    }
    const waiting = async (): Promise<number> => {
      // A transaction sees what it saw first.
      await client.query('select pg_stat_clear_snapshot()')
      const { rows } = await client.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      )
      return rows.length
    }
    const counts = (answers: readonly Answered[], words: RegExp) => ({
      made: answers.filter(one => one.status === 202).length,
      refused: answers.filter(one => one.body.code === 'unavailable' && words.test(String(one.body.detail))).length,
    })

    if (name === 'a connection')
      test('the lease is kept, and hosts dial, while requests have all the connections that they may have', async () => {
        await lock()
        const all = Array.from({ length: crowd }, (_, n) => create(n))
        await eventually(async () => assert.ok((await waiting()) >= 10))
        assert.equal(await keepLease(cloud.cloud), false)
        await hosts[1]?.disconnect()
        await hosts[1]?.connect()
        const refused = await Promise.race(all)
        assert.equal(refused.status, 503)
        assert.match(String(refused.body.detail), /more to ask of the database .* Try again in a few seconds/)
        await client.query('rollback')
        const came = counts(await Promise.all(all), /more to ask of the database/)
        assert.equal(came.made + came.refused, crowd, JSON.stringify(came))
        assert.ok(came.made >= 10, JSON.stringify(came))
      })
    else
      test('they are given up, have changed nothing, and are done when they are asked again', async () => {
        await lock()
        const words = /Others are changing the same things .* Try again in a few seconds/
        const alike = await Promise.all([0, 1, 2].map(n => create(n, {})))
        assert.deepEqual(counts(alike, words), { made: 0, refused: 3 }, JSON.stringify(alike[0]?.body))
        await client.query('rollback')
        assert.deepEqual((await cloud.request('GET', '/v1/instances')).body.items, [])
        const again = await Promise.all([0, 1, 2].map(n => create(n, {})))
        assert.deepEqual(counts(again, words), { made: 3, refused: 0 })
        assert.equal((await cloud.request('GET', '/v1/instances')).body.items?.length, 3)
        assert.equal(mayRedo(Object.assign(new Error('it waited'), { code: '55P03' })), false, 'nor one by one')
      })
  })
}
