/** Finding hosts by how they are doing: the database must say the same of a row as the rule of model/host-state.ts. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Host } from '../../../src/api/host.ts'
import { host } from '../../../src/controller/store/host.ts'
import { hostAttentions, isAway } from '../../../src/model/host-attention.ts'
import { hostAvailabilities } from '../../../src/model/host-state.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

const now = new Date()
const kinds = [
  { cause: 'late' },
  { cause: 'silent' },
  { cause: 'closed', asked_at: now },
  { cause: 'silent', asked_at: now, dead_at: now },
  { cause: 'silent', asked_at: now, dead_at: now, fenced_at: now, fenced_by: 'lease' },
] as const

const other = { hardware: { board: 'b-2', nics: [] }, address: '10.0.0.9', since: now, last_at: now }

class Undone extends Error {}

describe('controller/host-list', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud()
  })
  after(() => cloud.close())

  test('each state finds the hosts that are shown in it, and no other', async () => {
    const { database } = cloud.cloud
    // Nobody who looks after lost hosts is to see these: all of it is undone.
    const played = database.transaction(async tx => {
      const { id: cluster_id } = await tx.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
      const { id: controller } = await tx.selectFrom('controller').select('id').executeTakeFirstOrThrow()
      const known = { cluster_id, foreign_domains: '[]' }
      for (const [n, absence] of [null, ...kinds].entries()) {
        for (const linked of [true, false]) {
          for (const maintenance of [true, false]) {
            const name = `h${n}-${linked}-${maintenance}`
            const made = { id: crypto.randomUUID(), name, machine_id: name, certificate_sha256: Buffer.from(name) }
            const session_controller_id = linked ? controller : null
            await tx
              .insertInto('host')
              .values({ ...known, ...made, session_controller_id })
              .execute()
            const host_id = made.id
            if (maintenance) await tx.insertInto('maintenance').values({ host_id }).execute()
            if (absence)
              await tx
                .insertInto('host_absence')
                .values({ ...absence, host_id, since: now })
                .execute()
          }
        }
      }
      const all = (await host.list(tx, { limit: 100 })).items
      assert.equal(all.length, 24)
      const names = (hosts: readonly { name: string }[]) => hosts.map(one => one.name).sort()
      for (const availability of hostAvailabilities) {
        const found = (await host.list(tx, { limit: 100, availability })).items
        const shown = all.filter(one => one.availability === availability)
        assert.deepEqual(names(found), names(shown), availability)
        assert.notEqual(shown.length, 0, availability)
      }
      const bmc = { kind: 'redfish' as const, address: 'bmc', user_name: 'u', sealed_password: Buffer.from('p') }
      await tx
        .insertInto('host_bmc')
        .values({ ...bmc, host_id: all[3]?.id ?? '' })
        .execute()
      for (const has of [true, false]) {
        const found = (await host.list(tx, { limit: 100, bmc: has })).items
        assert.deepEqual(names(found), names(all.filter(one => (one.id === all[3]?.id) === has)))
      }
      const odd = (await host.list(tx, { limit: 100, attention: true })).items
      // Also one that holds its link, and of which nothing is heard.
      assert.ok(all.some(one => isAway(one) && one.state === 'up'))
      assert.deepEqual(names(odd), names(all.filter(isAway)))
      for (const one of odd) assert.deepEqual(one.attention, ['availability'])
      const calm = (await host.list(tx, { limit: 100, attention: false })).items
      assert.deepEqual(names(calm), names(all.filter(one => !isAway(one))))
      throw new Undone()
    })
    await assert.rejects(played, Undone)
  })

  test('each reason to look at a host finds it, and says which it is', async () => {
    const played = cloud.cloud.database.transaction(async tx => {
      const { id: controller } = await tx.selectFrom('controller').select('id').executeTakeFirstOrThrow()
      await sql`insert into host (id, cluster_id, name, machine_id, certificate_sha256, session_controller_id, foreign_domains,
          other_hardware, facts)
        select gen_random_uuid(), c.id, r.name, r.name, convert_to(r.name, 'UTF8'), ${controller}::uuid,
          case r.name when 'foreign_domains' then '[{"name": "stranger"}]' else '[]' end::jsonb,
          case r.name when 'other_hardware' then ${JSON.stringify(other)}::jsonb end,
          case r.name when 'disbelieved' then '{"pool_id": "of-others"}'::jsonb end
        from cluster c, unnest(array['calm', 'foreign_domains', 'disagreements', 'other_hardware', 'maintenance', 'disbelieved']) r (name)`.execute(
        tx,
      )
      await sql`insert into held_instance (host_id, instance_id, kind, generation, details_version, power)
        select id, gen_random_uuid(), 'orphaned', 1, 1, 'running' from host where name = 'disagreements'`.execute(tx)
      await sql`insert into maintenance (host_id) select id from host where name in ('maintenance', 'calm')`.execute(tx)
      await sql`insert into maintenance_obstacle (host_id, instance_id, reason, again_at)
        select id, gen_random_uuid(), 'No host can take it.', now() from host where name = 'maintenance'`.execute(tx)
      const told = ({ name, attention }: Host) => [name, ...attention]
      const odd = (await host.list(tx, { sort: 'name', limit: 100, attention: true })).items.map(told)
      const reasons = hostAttentions.filter(one => one !== 'availability').toSorted()
      assert.deepEqual(
        odd,
        reasons.map(one => [one, one]),
      )
      const rest = (await host.list(tx, { limit: 100, attention: false })).items.map(told)
      assert.deepEqual(rest, [['calm']])
      throw new Undone()
    })
    await assert.rejects(played, Undone)
  })

  test('by how full they are: of whatever there is least of, page by page', async () => {
    const played = cloud.cloud.database.transaction(async tx => {
      await sql`insert into host (id, cluster_id, name, machine_id, certificate_sha256, vcpus_limit, memory_limit_mib, disk_limit_gib)
        select gen_random_uuid(), c.id, 'h' || n, 'm' || n, 'x', 100, case when n % 7 = 0 then 0 else 1000 end, 500
        from cluster c, generate_series(1, 300) n`.execute(tx)
      await sql`update host_claim k set vcpus = s.n * 37 % 101, memory_mib = s.n * 91 % 1009, disk_gib = s.n * 53 % 499
        from (select id, row_number() over (order by name) as n from host) s where s.id = k.host_id`.execute(tx)
      const fullness = (one: Host) =>
        Math.max(
          ...(
            [
              [one.vcpus_claimed, one.vcpus_limit],
              [one.memory_claimed_mib, one.memory_limit_mib],
              [one.disk_claimed_gib, one.disk_limit_gib],
            ] as const
          ).map(([claimed, limit]) =>
            limit > 0 ? Math.floor((10_000 * claimed) / limit) / 100 : claimed > 0 ? 100 : 0,
          ),
        )
      for (const sort of ['-fullness_percent', 'fullness_percent']) {
        const found: Host[] = []
        let cursor: string | undefined
        do {
          const page = await host.list(tx, { sort, limit: 70, cursor })
          found.push(...page.items)
          cursor = page.next ?? undefined
        } while (cursor !== undefined)
        assert.equal(new Set(found.map(one => one.id)).size, 300)
        assert.deepEqual(
          found.map(one => one.fullness_percent),
          found.map(fullness).sort((a, b) => (sort.startsWith('-') ? b - a : a - b)),
        )
      }
      throw new Undone()
    })
    await assert.rejects(played, Undone)
    assert.equal((await cloud.request('GET', '/v1/hosts?sort=-fullness_percent')).status, 200)
  })

  test('by the API', async () => {
    const ask = async (query: string) => (await cloud.request('GET', `/v1/hosts?${query}`)).body
    assert.deepEqual((await ask('availability=dead&attention=true')).items, [])
    assert.equal((await ask('availability=tired')).code, 'invalid')
  })
})
