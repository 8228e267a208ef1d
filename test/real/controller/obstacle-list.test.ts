/** Finding instances that would not be started elsewhere: the database must say the same of them as the rule of model/availability.ts, which words it for each. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { seeded } from '../../../sim/random.ts'
import { instance } from '../../../src/controller/store/instance.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

class Undone extends Error {}

const now = new Date()
/** So many hosts of one pool are more than are looked at. */
const large = 34

describe('controller/obstacle-list', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud()
  })
  after(() => cloud.close())

  const random = seeded('obstacles')
  const fences = seeded('fences')

  /** Two zones, one with a storm; pools of none, one, two, four and many hosts. */
  async function makeHosts(tx: Tx): Promise<{ id: string; zone_id: string; pool_id: string | null }[]> {
    const { id: controller } = await tx.selectFrom('controller').select('id').executeTakeFirstOrThrow()
    const clusters = []
    for (const name of ['calm', 'stormy']) {
      const [zone_id, id] = [crypto.randomUUID(), crypto.randomUUID()]
      await tx.insertInto('zone').values({ id: zone_id, name }).execute()
      await tx.insertInto('cluster').values({ id, zone_id, name }).execute()
      if (name === 'stormy') await tx.insertInto('zone_storm').values({ zone_id, gone: 9, hosts: 10 }).execute()
      clusters.push({ id, zone_id })
    }
    const hosts = []
    for (const size of [1, 1, 2, 2, 2, 2, 4, 4, large, 0, 0]) {
      const pool_id = size === 0 ? null : crypto.randomUUID()
      if (pool_id) await tx.insertInto('pool').values({ id: pool_id }).execute()
      for (let n = 0; n < Math.max(1, size); n++) {
        const id = crypto.randomUUID()
        const linked = random.chance(0.5)
        const { id: cluster_id, zone_id } = random.pick(clusters)
        await tx
          .insertInto('host')
          .values({
            ...{ id, name: id, machine_id: id, certificate_sha256: Buffer.from(id), cluster_id, pool_id },
            foreign_domains: '[]',
            schedulable: size < large && random.chance(0.6),
            keeps_leases: random.chance(0.7),
            asks_first: fences.chance(0.7),
            session_controller_id: linked ? controller : null,
            session_epoch: 3,
            expected_epoch: random.chance(0.2) ? 3 : null,
            ...(n > 0 && random.chance(0.1) && { removed_at: now }),
          })
          .execute()
        if (random.chance(0.2)) await tx.insertInto('maintenance').values({ host_id: id }).execute()
        const fenced_by = fences.pick([null, 'lease', 'person'] as const)
        const absent = { host_id: id, cause: 'silent', since: now, fenced_by, fenced_at: fenced_by && now } as const
        if (!linked) await tx.insertInto('host_absence').values(absent).execute()
        hosts.push({ id, zone_id, pool_id })
      }
    }
    return hosts
  }

  async function makeInstances(tx: Tx, hosts: Awaited<ReturnType<typeof makeHosts>>): Promise<void> {
    const made = { user_id: cloud.admin_user_id, project_id: cloud.project_id, hostname: 'vm', flavor_name: 'f' }
    const size = { image_name: 'i', vcpus: 1, memory_mib: 128, disk_gib: 1, flavor_id: crypto.randomUUID() }
    for (const { id: host_id, zone_id } of hosts) {
      for (let n = 0; n < 24; n++) {
        const id = crypto.randomUUID()
        const deleted = random.chance(0.1) ? now : null
        await tx
          .insertInto('instance')
          .values({
            ...{ ...made, ...size, id, host_id, zone_id, name: `vm-${id}` },
            availability: random.chance(0.8) ? 'high' : 'restart',
            wanted_power: random.chance(0.9) ? 'running' : 'stopped',
            held_generation: !deleted && random.chance(0.1) ? 7 : null,
            guard_from: random.chance(0.9) ? 2 : null,
            ...{ deleted_at: deleted, purge_at: deleted },
          })
          .execute()
        if (random.chance(0.9))
          await sql`insert into instance_observed (instance_id, report, applied_generation, power, guarded_version)
            values (${id}, 1, 1, 'running', ${random.pick([null, 1, 2, 2, 3, 3])}::bigint)`.execute(tx)
        const lost = { lost_at: now, reason: '', from_host_id: host_id, from_host: 'h', fenced_by: 'lease' as const }
        if (random.chance(0.2)) {
          const ended = { outcome: random.pick(['no_room', 'failed'] as const), ended_at: now, begun_at: now }
          await tx
            .insertInto('ha_restart')
            .values({ ...lost, ...ended, id: crypto.randomUUID(), instance_id: id, project_id: cloud.project_id })
            .execute()
        }
        if (random.chance(0.2))
          await sql`insert into migration (id, instance_id, instance_name, project_id, kind, source_host_id, target_host_id, phase,
              outcome, vcpus, memory_mib, disk_gib, sending_at)
            values (gen_random_uuid(), ${id}, 'vm', ${cloud.project_id}, ${random.pick(['live', 'cold'])}, ${host_id},
              ${hosts.find(one => one.id !== host_id)?.id}, ${random.pick(['discarding', 'leaving'])}, 'failed', 1, 128, 1, now())`.execute(
            tx,
          )
      }
    }
  }

  test('with an obstacle, and without: those of which a sentence says so, and no others, whatever else is asked for', async () => {
    const played = cloud.cloud.database.transaction(async tx => {
      const hosts = await makeHosts(tx)
      await makeInstances(tx, hosts)
      // States are kept at the commit.
      await sql`set constraints all immediate`.execute(tx)
      await sql`analyze`.execute(tx)
      const find = async (query: object) => (await instance.list(tx, { project_id: null, limit: 5000, ...query })).items
      const names = (items: readonly { name: string }[]) => items.map(one => one.name)
      const all = await find({ sort: 'name' })
      const obstructed = all.filter(one => one.ha_obstacle !== null)
      const kinds = new Set(obstructed.map(one => one.ha_obstacle))
      assert.equal(kinds.size, 9, [...kinds].join('\n'))
      assert.deepEqual(names(await find({ sort: 'name', ha_obstacle: true })), names(obstructed))
      assert.deepEqual(
        names(await find({ sort: 'name', ha_obstacle: false })),
        names(all.filter(one => one.ha_obstacle === null)),
      )
      const zone_id = hosts[0]?.zone_id
      const here = await find({ sort: 'name', zone_id })
      assert.ok(here.length > 0 && here.length < all.length)
      assert.deepEqual(names(here), names(all.filter(one => one.zone === here[0]?.zone)))
      // With states, which are looked up in another way; and page by page.
      for (const query of [
        { ha_obstacle: true },
        { ha_obstacle: false },
        { zone_id },
        { availability: 'high' as const },
        { availability: 'restart' as const, ha_obstacle: false, zone_id },
      ]) {
        const fits = all.filter(
          one =>
            (one.state === 'running' || one.state === 'unknown') &&
            (query.ha_obstacle === undefined || query.ha_obstacle === (one.ha_obstacle !== null)) &&
            (query.zone_id === undefined || one.zone === here[0]?.zone) &&
            (query.availability === undefined || query.availability === one.availability),
        )
        assert.ok(fits.length > 20)
        const found = []
        for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
          const asked = { project_id: null, state: ['running', 'unknown'] as const, sort: '-name', limit: 97, cursor }
          const page = await instance.list(tx, { ...asked, ...query })
          found.push(...page.items)
          cursor = page.next ?? undefined
        }
        assert.deepEqual(names(found), names(fits).toReversed(), JSON.stringify(query))
      }
      throw new Undone()
    })
    await assert.rejects(played, Undone)
  })

  test('by the API', async () => {
    const ask = async (query: string) => (await cloud.request('GET', `/v1/instances?${query}`)).body
    assert.deepEqual((await ask('ha_obstacle=true&availability=high&sort=-created_at')).items, [])
    assert.equal((await ask('availability=none')).code, 'invalid')
  })
})
