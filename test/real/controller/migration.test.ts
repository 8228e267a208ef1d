/** Moving instances between hosts that do at once what they are told: steps, claims, what is refused meanwhile, and who is silent when. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { type Migration, migrationRoutes } from '../../../src/api/migration.ts'
import { leaveHost } from '../../../src/controller/app/host-leave.ts'
import { endOverdue } from '../../../src/controller/reconcilers/migration.ts'
import { loadTopology } from '../../../src/controller/store/topology.ts'
import type { TestCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovingCloud, movingCloud } from '../../support/moving.ts'
import { addHost, type ObedientHost, progressOf } from '../../support/obedient-host.ts'

describe('controller/migration', () => {
  let moving: MovingCloud
  let cloud: TestCloud
  let hosts: ObedientHost[]

  before(async () => {
    moving = await movingCloud()
    ;({ cloud, hosts } = moving)
  })
  after(() => cloud.close())
  beforeEach(() => moving.obey())

  const hostOf = (id: string | null): ObedientHost => {
    const found = hosts.find(one => one.id === id)
    assert.ok(found)
    return found
  }

  const create = (more: Record<string, unknown> = {}) => moving.create(more)

  async function get(id: string): Promise<Instance> {
    return await cloud.call(instanceRoutes.get, { params: { instance: id } })
  }

  async function migrate(id: string, asked: Record<string, unknown> = {}): Promise<Migration> {
    const answered = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: asked })
    assert.equal(answered.status, 202, JSON.stringify(answered.body))
    return answered.body.migration as Migration
  }

  const look = (id: string) => cloud.call(migrationRoutes.get, { params: { migration: id } })
  const until = (id: string, phase: Migration['phase']) =>
    eventually(async () => {
      const found = await look(id)
      assert.equal(found.phase, phase, JSON.stringify(found))
      return found
    })

  /** What is claimed of each host equals what is on it, and what migrations hold. */
  async function assertClaims(): Promise<void> {
    const { rows } = await sql<{ wrong: string }>`
      select h.name || ' claims ' || k.vcpus || '/' || k.memory_mib || '/' || k.disk_gib || ' and has '
        || c.vcpus || '/' || c.memory_mib || '/' || c.disk_gib as wrong
      from host h join host_claim k on k.host_id = h.id cross join lateral (
        select coalesce(sum(vcpus), 0) as vcpus, coalesce(sum(memory_mib), 0) as memory_mib, coalesce(sum(disk_gib), 0) as disk_gib from (
          select vcpus, memory_mib, 0 as disk_gib from instance where host_id = h.id and compute_claimed
          union all select 0, 0, size_gib from volume where host_id = h.id
          union all select vcpus, memory_mib, disk_gib from migration where phase in ('preparing', 'sending', 'discarding') and target_host_id = h.id
          union all select vcpus, memory_mib, disk_gib from migration where phase = 'leaving' and source_host_id = h.id
        ) x) c
      where (k.vcpus, k.memory_mib, k.disk_gib) is distinct from (c.vcpus, c.memory_mib, c.disk_gib)`.execute(
      cloud.cloud.database.db,
    )
    assert.deepEqual(rows, [])
  }

  test('a running instance goes over, and everything that is its goes with it', async () => {
    const before_move = await create()
    const source = hostOf(before_move.host_id)
    const answered = await cloud.request('POST', `/v1/instances/${before_move.id}/migrate`, {
      body: {},
      headers: { prefer: 'wait=10' },
    })
    assert.equal((answered.body.operation as { state: string }).state, 'succeeded', JSON.stringify(answered.body))
    const ended = await until((answered.body.migration as Migration).id, 'ended')
    assert.equal(ended.kind, 'live')
    assert.equal(ended.outcome, 'succeeded')
    assert.equal(ended.source_host, source.name)
    assert.equal(ended.progress?.downtime_ms, 42)
    const now = await get(before_move.id)
    assert.equal(now.host_id, ended.target_host_id)
    assert.notEqual(now.host_id, source.id)
    assert.equal(now.state, 'running')
    const target = hostOf(now.host_id)
    await eventually(() => assert.equal(target.wanted.get(now.id)?.migration, undefined))
    await eventually(() => assert.equal(source.wanted.has(now.id), false))
    const volumes = await cloud.request('GET', `/v1/volumes?instance_id=${now.id}`)
    assert.deepEqual(
      volumes.body.items?.map(one => one.host_id),
      [now.host_id],
    )
    const row = await cloud.cloud.database.db
      .selectFrom('migration')
      .select(['secret', 'told'])
      .where('id', '=', ended.id)
      .executeTakeFirstOrThrow()
    assert.deepEqual(row, { secret: null, told: null })
    await assertClaims()
  })

  test('while it moves it is shown so, nothing can be done with it, and OVN knows both hosts', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    const moving = await until(begun.id, 'sending')
    await eventually(async () => assert.equal((await look(begun.id)).percent, 50))
    const shown = await get(one.id)
    assert.equal(shown.state, 'migrating')
    assert.deepEqual(shown.moves, [])
    assert.equal(shown.migration?.percent, 50)
    assert.equal(shown.host_id, source.id)
    for (const [method, path] of [
      ['POST', 'stop'],
      ['POST', 'reboot'],
      ['POST', 'start'],
      ['POST', 'migrate'],
      ['DELETE', ''],
    ] as const) {
      const refused = await cloud.request(method, `/v1/instances/${one.id}/${path}`.replace(/\/$/, ''), {
        ...(method === 'POST' && { body: {} }),
      })
      assert.equal(refused.body.code, 'wrong_state', `${method} ${path}: ${JSON.stringify(refused.body)}`)
      if (path !== 'migrate') assert.match(String(refused.body.detail), /croft migration cancel [0-9a-f-]{36}\./)
      assert.match(String(refused.body.detail), /mov|migrat/)
    }
    const { ports } = await loadTopology(cloud.cloud.database.db)
    const port = ports.find(each => each.id === one.addresses[0]?.port_id)
    assert.equal(port?.host, source.id)
    assert.equal(port?.target_host, moving.target_host_id)
    await assertClaims()
    await eventually(() => assert.ok(source.sent.has(one.id)))
    source.tellMigration(one.id, { phase: 'switched' })
    await until(begun.id, 'ended')
    const { ports: later } = await loadTopology(cloud.cloud.database.db)
    const rebound = later.find(each => each.id === one.addresses[0]?.port_id)
    assert.equal(rebound?.host, moving.target_host_id)
    assert.equal(rebound?.target_host, null)
    assert.equal((await get(one.id)).state, 'running')
  })

  test('progress is told live, and its events are not kept', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    await until(begun.id, 'sending')
    await eventually(async () => assert.equal((await look(begun.id)).percent, 50))
    // Within a second of the last one it is not written.
    source.tellMigration(one.id, { phase: 'sending', progress: progressOf(0.7) })
    source.tellMigration(one.id, { phase: 'switched', progress: progressOf(1) })
    await until(begun.id, 'ended')
    const { rows } = await sql<{
      n: number
    }>`select count(*)::int as n from event where detail @> '{"progress": true}'`.execute(cloud.cloud.database.db)
    assert.equal(rows[0]?.n, 0)
  })

  test('cancelled before it has gone over, it goes on where it is', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    await until(begun.id, 'sending')
    const cancelled = await cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body))
    const ended = await until(begun.id, 'ended')
    assert.equal(ended.outcome, 'cancelled')
    assert.match(ended.reason ?? '', /cancelled by admin/)
    const now = await get(one.id)
    assert.equal(now.state, 'running')
    assert.equal(now.host_id, source.id)
    await eventually(() => assert.equal(source.wanted.get(one.id)?.migration, undefined))
    await eventually(() => assert.equal(hostOf(ended.target_host_id).wanted.has(one.id), false))
    await assertClaims()
    const again = await cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    assert.equal(again.body.code, 'wrong_state')
  })

  test('a source at its hand-over asks its target by way of the controllers, and hears what it answers', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    const target = hostOf((await until(begun.id, 'sending')).target_host_id)
    await eventually(() => assert.ok(source.sent.has(one.id)))
    const moveOn = (host: ObedientHost) => host.wanted.get(one.id)?.migration
    const [first, second] = [randomUUID(), randomUUID()]
    source.tellMigration(one.id, { phase: 'sending', asks: first })
    await eventually(() => assert.equal(moveOn(target)?.asked, first))
    assert.equal(moveOn(source)?.never, undefined)
    target.tellMigration(one.id, { phase: 'ready', never: 'n'.repeat(43) })
    await eventually(() => assert.equal(moveOn(source)?.never, 'n'.repeat(43)))
    // What it asks at the next hand-over has no answer yet.
    source.tellMigration(one.id, { phase: 'sending', asks: second })
    await eventually(() => assert.equal(moveOn(target)?.asked, second))
    await eventually(() => assert.equal(moveOn(source)?.never, undefined))
    // One that is to cancel may be at it, too, and is told where to ask.
    const { peer_address } = moveOn(source) ?? {}
    assert.ok(peer_address)
    source.silent = true
    await cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    await eventually(() => assert.equal(moveOn(source)?.step, 'cancel'))
    assert.equal(moveOn(source)?.peer_address, peer_address)
    source.silent = false
    source.tellMigration(one.id, { phase: 'cancelled' })
    assert.equal((await until(begun.id, 'ended')).outcome, 'cancelled')
    await assertClaims()
  })

  test('a target that cannot make ready: it stays, with the reason', async () => {
    const one = await create()
    for (const host of hosts) host.unready = 'there is no room for the disk'
    const begun = await migrate(one.id)
    const ended = await until(begun.id, 'ended')
    assert.equal(ended.outcome, 'failed')
    assert.match(ended.reason ?? '', /no room for the disk/)
    const operation = await cloud.request('GET', `/v1/operations/${begun.operation_id}`)
    assert.equal(operation.body.state, 'failed')
    assert.equal((await get(one.id)).state, 'running')
    await assertClaims()
  })

  test('a source that fails to send: it stays', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    await until(begun.id, 'sending')
    await eventually(() => assert.ok(source.sent.has(one.id)))
    source.tellMigration(one.id, { phase: 'failed', reason: 'the guest changes its memory too fast' })
    const ended = await until(begun.id, 'ended')
    assert.equal(ended.outcome, 'failed')
    assert.equal((await get(one.id)).host_id, source.id)
    await assertClaims()
  })

  test('the target says that the guest runs there, and the source is silent: it is the target’s', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    const { target_host_id } = await until(begun.id, 'sending')
    await source.disconnect()
    const waiting = await look(begun.id)
    assert.match(waiting.waits_for ?? '', new RegExp(`${source.name} does not answer`))
    hostOf(target_host_id).tellMigration(one.id, { phase: 'switched' })
    const left = await until(begun.id, 'leaving')
    assert.equal(left.outcome, 'succeeded')
    assert.match(left.waits_for ?? '', /cleared when it is back/)
    assert.equal((await get(one.id)).host_id, target_host_id)
    await assertClaims()
    // Deleted and purged meanwhile: what is left on the old host is cleared all the same.
    await cloud.request('DELETE', `/v1/instances/${one.id}?purge=true`, { headers: { prefer: 'wait=10' } })
    await eventually(async () => assert.equal((await cloud.request('GET', `/v1/instances/${one.id}`)).status, 404))
    source.holds = [{ id: one.id, generation: 1, details_version: 1, power: 'running' }]
    await source.connect()
    source.holds = []
    assert.equal(source.wanted.get(one.id)?.migration?.step, 'leave')
    await until(begun.id, 'ended')
    const host = await cloud.request('GET', `/v1/hosts/${source.id}`)
    assert.deepEqual(host.body.disagreements, [])
    await assertClaims()
  })

  test('what the target said before the guest came, and is heard after, says nothing of it', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    const target = hostOf((await until(begun.id, 'sending')).target_host_id)
    await eventually(() => assert.ok(source.sent.has(one.id)))
    const ready = { power: 'stopped', applied_generation: -1 } as const
    const word = { id: begun.id, phase: 'ready', reason: null } as const
    target.silent = true
    source.tellMigration(one.id, { phase: 'switched' })
    await until(begun.id, 'ended')
    await target.tellAndWait({ ...ready, migration: word }, one.id)
    assert.equal((await get(one.id)).state, 'running')
    target.silent = false
    await target.tellAndWait({}, one.id)
    assert.equal((await get(one.id)).state, 'running')
    await assertClaims()
  })

  test('the target fails while the source sends: only the source’s word decides', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const begun = await migrate(one.id)
    const { target_host_id } = await until(begun.id, 'sending')
    source.silent = true
    hostOf(target_host_id).tellMigration(one.id, { phase: 'failed', reason: 'libvirtd is gone' })
    await eventually(() => assert.equal(source.wanted.get(one.id)?.migration?.step, 'cancel'))
    assert.equal((await look(begun.id)).phase, 'sending')
    source.silent = false
    source.tell({}, [one.id])
    const ended = await until(begun.id, 'ended')
    assert.equal(ended.outcome, 'failed')
    assert.match(ended.reason ?? '', /libvirtd is gone/)
    assert.equal((await get(one.id)).state, 'running')
  })

  test('a target that never becomes ready is given up, and others may be tried at once', async () => {
    const one = await create()
    for (const host of hosts) if (host.id !== one.host_id) host.silent = true
    const begun = await migrate(one.id)
    await sql`update migration set created_at = created_at - interval '1 hour' where id = ${begun.id}`.execute(
      cloud.cloud.database.db,
    )
    await endOverdue(cloud.cloud)
    const given_up = await look(begun.id)
    assert.equal(given_up.outcome, 'failed')
    assert.match(given_up.reason ?? '', /not ready within/)
    assert.equal((await get(one.id)).state, 'running')
    for (const host of hosts) host.silent = host.id === begun.target_host_id
    const second = await migrate(one.id)
    assert.notEqual(second.target_host_id, begun.target_host_id)
    assert.equal((await until(second.id, 'ended')).outcome, 'succeeded')
    hostOf(begun.target_host_id).silent = false
    hostOf(begun.target_host_id).tell({}, [one.id])
    await until(begun.id, 'ended')
    await assertClaims()
  })

  let pairs = 0
  /** An instance between two hosts of its own, at its hand-over; the new one has fallen silent. */
  async function atHandOver() {
    const size = { memory_mib: 64_000, cpus: 16 }
    pairs++
    const [from, to] = [await addHost(cloud, `from-${pairs}`, size), await addHost(cloud, `to-${pairs}`, size)]
    const one = await create({ host_id: from.id })
    from.sends = 'on-and-on'
    const begun = await migrate(one.id, { host_id: to.id })
    await until(begun.id, 'sending')
    await eventually(() => assert.ok(from.sent.has(one.id)))
    await to.disconnect()
    return { from, to, one, begun }
  }

  test('the new host falls silent at the hand-over: whose word is waited for is shown, and taken out as lost it is waited for no more', async () => {
    const { from, to, one, begun } = await atHandOver()
    const sending = await look(begun.id)
    assert.match(sending.waits_for ?? '', new RegExp(`${to.name} does not answer the controllers.*host remove`))
    from.tell({ power: 'paused', migration: { id: begun.id, phase: 'sending', reason: null } }, [one.id])
    await eventually(async () =>
      assert.match(
        (await look(begun.id)).waits_for ?? '',
        /is paused: only the host to-\d+ can say whether it runs there/,
      ),
    )
    // Asking the source to cancel changes nothing: it must not let the guest go on by itself.
    from.silent = true
    await cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    assert.equal((await look(begun.id)).phase, 'sending')
    const removed = await cloud.request('DELETE', `/v1/hosts/${to.id}?lost=true`)
    assert.equal(removed.status, 204, JSON.stringify(removed.body))
    await endOverdue(cloud.cloud)
    await endOverdue(cloud.cloud)
    const ended = await look(begun.id)
    assert.deepEqual([ended.phase, ended.outcome], ['ended', 'cancelled'])
    await eventually(() => assert.equal(from.wanted.get(one.id)?.migration, undefined))
    from.silent = false
    from.tell({}, [one.id])
    await eventually(async () => assert.equal((await get(one.id)).state, 'running'))
    assert.equal((await get(one.id)).host_id, from.id)
    await assertClaims()
    await from.disconnect()
    await cloud.request('DELETE', `/v1/hosts/${from.id}?lost=true`)
  })

  test('a host from which an instance may have gone over is not taken out before that is decided', async () => {
    const { from, to, one, begun } = await atHandOver()
    await from.disconnect()
    const refused = await cloud.request('DELETE', `/v1/hosts/${from.id}?lost=true`)
    assert.equal(refused.body.code, 'wrong_state', JSON.stringify(refused.body))
    assert.match(String(refused.body.detail), new RegExp(`to ${to.name}, which does not answer and may have it`))
    // It had gone over: it is the new host's, and the old one can go.
    await to.connect()
    to.tellMigration(one.id, { phase: 'switched' })
    await until(begun.id, 'leaving')
    assert.equal((await cloud.request('DELETE', `/v1/hosts/${from.id}?lost=true`)).status, 204)
    await endOverdue(cloud.cloud)
    assert.equal((await look(begun.id)).phase, 'ended')
    assert.equal((await get(one.id)).host_id, to.id)
    await assertClaims()
    const left = leaveHost(cloud.cloud, to.id)
    await assert.rejects(left, /still holds 1 instance /)
    await to.disconnect()
    await cloud.request('DELETE', `/v1/hosts/${to.id}?lost=true`)
  })

  test('a host that has a part in a move does not take itself out', async () => {
    const size = { memory_mib: 64_000, cpus: 16 }
    const to = await addHost(cloud, 'leaver', size)
    const one = await create({ host_id: hosts[0]?.id })
    hostOf(one.host_id).sends = 'on-and-on'
    const begun = await migrate(one.id, { host_id: to.id })
    await until(begun.id, 'sending')
    await assert.rejects(leaveHost(cloud.cloud, to.id), /has a part in 1 migration:/)
    to.silent = true
    await cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    await until(begun.id, 'discarding')
    await assert.rejects(leaveHost(cloud.cloud, to.id), /has a part in 1 migration:/)
    to.silent = false
    to.tell({}, [one.id])
    await until(begun.id, 'ended')
    await leaveHost(cloud.cloud, to.id)
    assert.equal((await cloud.request('GET', `/v1/hosts/${to.id}`)).status, 404)
  })

  test('one that is off moves cold, deleted ones too, and is what it was', async () => {
    const off = await create({ start: false })
    const live = await cloud.request('POST', `/v1/instances/${off.id}/migrate`, { body: { kind: 'live' } })
    assert.equal(live.body.code, 'wrong_state')
    const begun = await migrate(off.id)
    assert.equal(begun.kind, 'cold')
    const ended = await until(begun.id, 'ended')
    assert.equal(ended.outcome, 'succeeded')
    assert.equal((await get(off.id)).state, 'stopped')
    await cloud.request('DELETE', `/v1/instances/${off.id}`, { headers: { prefer: 'wait=10' } })
    const deleted = await eventually(async () => {
      const found = await get(off.id)
      assert.equal(found.state, 'deleted')
      return found
    })
    const moved = await until((await migrate(deleted.id)).id, 'ended')
    assert.equal(moved.outcome, 'succeeded')
    assert.equal((await get(off.id)).state, 'deleted')
    await assertClaims()
    const recovered = await cloud.request('POST', `/v1/instances/${off.id}/recover`, { body: {} })
    assert.equal(recovered.status, 202, JSON.stringify(recovered.body))
    await assertClaims()
  })

  test('a named host is taken or refused with the reason; unknown ones are not found', async () => {
    const one = await create()
    const same = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: { host_id: one.host_id } })
    assert.equal(same.body.code, 'no_capacity')
    assert.match(String(same.body.detail), /^The host h\d cannot take .*: it has it now\. Name another host, or none\./)
    const none = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: { host_id: one.id } })
    assert.equal(none.status, 404)
    const other = hosts.find(host => host.id !== one.host_id)
    const begun = await migrate(one.id, { host_id: other?.id, bandwidth_mib_s: 50 })
    assert.equal(begun.target_host_id, other?.id)
    assert.equal(begun.options.bandwidth_mib_s, 50)
    await until(begun.id, 'ended')
  })

  test('a CPU that lacks what the guest may have seen is refused, and says which flag', async () => {
    const one = await create()
    const { db } = cloud.cloud.database
    await sql`update host set facts = jsonb_set(facts, '{cpu_flags}', facts->'cpu_flags' || '["avx512_new"]') where id = ${one.host_id}`.execute(
      db,
    )
    const refused = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: {} })
    assert.equal(refused.body.code, 'no_capacity')
    assert.match(String(refused.body.detail), /has a CPU that lacks avx512_new/)
    await sql`update host set facts = jsonb_set(facts, '{cpu_flags}', (facts->'cpu_flags') - 'avx512_new') where id = ${one.host_id}`.execute(
      db,
    )
  })

  test('asked for at the same moment, it moves once; claims stay exact', async () => {
    const one = await create()
    const source = hostOf(one.host_id)
    source.sends = 'on-and-on'
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: {} })),
    )
    assert.equal(answers.filter(answer => answer.status === 202).length, 1)
    await assertClaims()
    const begun = answers.find(answer => answer.status === 202)?.body.migration as Migration
    await until(begun.id, 'sending')
    // By its operation it can be cancelled as well.
    const cancelled = await cloud.request('POST', `/v1/operations/${begun.operation_id}/cancel`)
    assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body))
    await until(begun.id, 'ended')
    await assertClaims()
  })
})
