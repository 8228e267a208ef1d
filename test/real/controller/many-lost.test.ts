/** Many hosts that are not there, and nothing waits on them: they are asked about by and by, and never all at a time. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { asks_max } from '../../../src/controller/reconcilers/availability.ts'
import { channels } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { untilEvent } from '../../support/eventually.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

const lost = 48
/** As long as a probe may take. All of them in turn take longer than until the first are asked about again (lossRules). */
const answer_ms = 1000

describe('controller/many-lost', () => {
  let cloud: TestCloud
  let witness: ObedientHost

  before(async () => {
    cloud = await testCloud()
    const set = await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    witness = await addHost(cloud, 'witness')
  })
  after(() => cloud.close())

  test('so many are asked about at a time; who was never asked about comes first', async () => {
    const { db } = cloud.cloud.database
    const seen = new Set<string>()
    let open = 0
    let most = 0
    let again = 0
    witness.onCall = (params, call) => {
      if (params.method !== 'probe') return { error: 'no' }
      if (seen.has(params.address) && seen.size < lost) again += 1
      seen.add(params.address)
      open += 1
      most = Math.max(most, open)
      setTimeout(() => {
        open -= 1
        witness.answer(call, { error: 'not now' })
      }, answer_ms)
      return null
    }
    // An hour ago: those that go at once would be held back as a storm.
    await sql`with made as (
        insert into host (id, cluster_id, name, machine_id, certificate_sha256, facts, tunnel_address)
        select gen_random_uuid(), h.cluster_id, 'lost-' || n, 'lost-' || n, decode(md5(n::text), 'hex'), h.facts, '192.0.2.' || n
        from host h, generate_series(1, ${lost}::int) n where h.id = ${witness.id} returning id
      )
      insert into host_absence (host_id, cause, since) select id, 'closed', croft_now() - interval '1 hour' from made`.execute(
      db,
    )
    await cloud.cloud.database.transaction(tx => event.notify(tx, channels.absence, ''))
    await untilEvent(cloud, async () => {
      const { rows } = await sql<{ left: number }>`
        select count(*)::int as left from host_absence where asked_at is null`.execute(db)
      return rows[0]?.left === 0
    })
    assert.equal(seen.size, lost)
    assert.ok(most <= asks_max.idle, `${most} at a time`)
    // Passes may have read who was asked a moment before that was noted: some are.
    assert.ok(again < lost, `${again} were asked about again while others never were`)
  })
})
