/** A host that dials again and holds what is wanted of it: what has changed is told, and the rest named. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { AgentSession } from '../../../src/controller/agents/session.ts'
import type { AgentFrame, ControllerFrame } from '../../../src/protocol/messages.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'

import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

type Wanted = Extract<ControllerFrame, { type: 'wanted' }>
type Hello = Extract<AgentFrame, { type: 'hello' }>

describe('controller/what a host holds already', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let session: AgentSession | undefined
  let frames: Wanted[] = []
  let came = Promise.withResolvers<Wanted>()

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { pool_id: randomUUID() })
    const { body } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const wish = { name: 'web', count: 3, flavor_id: body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const made = await cloud.request('POST', '/v1/instances', { body: wish, headers: { prefer: 'wait=20' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    assert.equal(host.wanted.size, 3)
    await host.disconnect()
  })
  beforeEach(async () => {
    if (session) await cloud.cloud.agents.closed(session)
    frames = []
    came = Promise.withResolvers()
  })
  after(async () => {
    if (session) await cloud.cloud.agents.closed(session)
    await cloud.close()
  })

  const all = () => [...host.wanted.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  const holdOf = ({ id, generation, details_version, power, reboot_count, placement = -1 }: WantedInstance) => {
    assert.ok(placement >= 0, 'a controller of now counts placements')
    return { id, generation, details_version, power, reboot_count, placement }
  }
  const named = ({ id, generation, details_version, placement = -1 }: Hello['holds'][number]) => ({
    id,
    generation,
    details_version,
    placement,
  })
  const ids = (told: readonly { id: string }[]) => told.map(one => one.id).sort()

  /** Dials as an agent that holds this; the first that it is told. */
  async function dial(holds: Hello['holds'], more: Partial<Hello> = {}): Promise<Wanted> {
    session = cloud.cloud.agents.accept(host.id, {
      send: frame => {
        if (frame.type !== 'wanted') return
        frames.push(frame)
        came.resolve(frame)
      },
      close: reason => came.reject(new Error(reason)),
    })
    const hello = { type: 'hello', protocol: 1, facts: host.facts, holds, knows_unchanged: true, ...more }
    void session.receive(JSON.stringify(hello))
    const first = await came.promise
    assert.equal(first.whole, true)
    return first
  }

  test('what it holds as it is wanted is named, and not said again', async () => {
    const told = await dial(all().map(holdOf))
    assert.deepEqual(told.instances, [])
    assert.deepEqual(told.unchanged, all().map(named))
  })

  test('what it lacks, has older, or does not count the placements of is told whole', async () => {
    const [same, older, uncounted] = all().map(holdOf)
    assert.ok(same && older && uncounted)
    const { placement: _, ...rest } = uncounted
    const told = await dial([same, { ...older, details_version: older.details_version - 1 }, rest])
    assert.deepEqual(told.unchanged, [named(same)])
    assert.deepEqual(ids(told.instances), ids([older, uncounted]))
    const again = told.instances.find(one => one.id === older.id)
    assert.equal(again?.details_version, older.details_version)
    assert.equal(again.disks.length, 1)
  })

  test('what was elsewhere meanwhile is told whole: its placement counts', async () => {
    const [been, ...others] = all()
    assert.ok(been)
    const { db } = cloud.cloud.database
    await sql`update instance set placement = placement + 1 where id = ${been.id}`.execute(db)
    const told = await dial(all().map(holdOf))
    assert.deepEqual([ids(told.instances), told.unchanged], [[been.id], others.map(named)])
    for (const one of told.instances) host.wanted.set(one.id, one)
  })

  test('facts that have changed are noted, and nothing more is told for that', async () => {
    const told = await dial(all().map(holdOf), { facts: { ...host.facts, pool_free_gib: 1 } })
    assert.deepEqual([told.instances, told.unchanged], [[], all().map(named)])
  })

  test('what changes afterwards is told, and that alone', async () => {
    await dial(all().map(holdOf))
    const [first] = all()
    assert.ok(first)
    came = Promise.withResolvers()
    assert.equal((await cloud.request('PATCH', `/v1/instances/${first.id}`, { body: { name: 'renamed' } })).status, 200)
    const next = await came.promise
    assert.deepEqual([next.whole, next.unchanged, ids(next.instances)], [false, undefined, [first.id]])
    assert.equal(frames.length, 2)
    for (const one of next.instances) host.wanted.set(one.id, one)
  })

  test('an agent of before is told all', async () => {
    const told = await dial(all().map(holdOf), { knows_unchanged: undefined })
    assert.equal(told.unchanged, undefined)
    assert.deepEqual(ids(told.instances), ids(all()))
  })

  test('what it has begun to send is told whole, with that, whatever it holds', async () => {
    const [moving, ...others] = all()
    assert.ok(moving)
    const before = all().map(holdOf)
    const target = await addHost(cloud, 'h2')
    await host.connect()
    host.sends = 'on-and-on'
    const body = { host_id: target.id }
    const begun = await cloud.request('POST', `/v1/instances/${moving.id}/migrate`, { body })
    assert.equal(begun.status, 202, JSON.stringify(begun.body))
    await eventually(() => assert.ok(host.sent.has(moving.id)))
    await host.disconnect()
    const told = await dial(before)
    assert.deepEqual(told.unchanged, others.map(holdOf).map(named))
    assert.deepEqual(
      told.instances.map(one => [one.id, one.migration?.step]),
      [[moving.id, 'send']],
    )
  })

  test('one that holds newer things than the database is told all', async () => {
    const [newer, ...others] = all().map(holdOf)
    assert.ok(newer)
    const told = await dial([{ ...newer, generation: newer.generation + 5 }, ...others])
    assert.equal(told.unchanged, undefined)
    assert.deepEqual(ids(told.instances), ids(all()))
  })
})
