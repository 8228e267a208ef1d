/** What is told of a move that was cancelled, while what was made ready for it is still being cleared: its record, the lists, and a second cancel agree. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Migration, migrationRoutes } from '../../../src/api/migration.ts'
import type { Db } from '../../../src/controller/store/database.ts'
import { migration } from '../../../src/controller/store/migration.ts'
import type { TestCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovingCloud, movingCloud } from '../../support/moving.ts'
import { type ObedientHost, progressOf } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/migration-cancelled', () => {
  let moving: MovingCloud
  let cloud: TestCloud
  let hosts: ObedientHost[]

  before(async () => {
    moving = await movingCloud()
    ;({ cloud, hosts } = moving)
  })
  after(() => cloud.close())

  test('cancelled while it is made ready: that it was asked for is shown, and that it ends once the target is clear', async () => {
    const one = await moving.create()
    for (const host of hosts) host.silent = true
    const answered = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: {} })
    const begun = answered.body.migration as Migration
    const cancel = () => cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    const cancelled = await cancel()
    const { phase, outcome, cancel_asked } = replyOf(migrationRoutes.cancel, cancelled)
    assert.deepEqual([cancelled.status, phase, outcome, cancel_asked], [200, 'discarding', 'cancelled', true])
    const { items } = await cloud.call(migrationRoutes.list, { query: { open: true } })
    assert.deepEqual(
      items.map(({ id }) => id),
      [begun.id],
    )
    const again = await cancel()
    assert.equal(again.status, 409)
    assert.match(
      String(again.body.detail),
      new RegExp(
        `: it is cancelled already, ${one.name} stays on ${begun.source_host}, and it ends when ${begun.target_host} has cleared what came: croft migration get ${begun.id}\\.$`,
      ),
    )
    for (const host of hosts) {
      host.silent = false
      host.tell()
    }
    await eventually(async () => {
      const ended = await cloud.call(migrationRoutes.get, { params: { migration: begun.id } })
      assert.deepEqual([ended.phase, ended.cancel_asked], ['ended', true])
    })
    assert.match(String((await cancel()).body.detail), /it has ended already: cancelled\.$/)
  })

  test('gone over as it is cancelled: what is told is how it is by then, and not how it was read before', async t => {
    const one = await moving.create()
    for (const host of hosts) host.sends = 'on-and-on'
    const answered = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: {} })
    const begun = answered.body.migration as Migration
    const phase = async () => (await cloud.call(migrationRoutes.get, { params: { migration: begun.id } })).phase
    const source = hosts.find(host => host.name === begun.source_host)
    await eventually(() => assert.ok(source?.sent.has(one.id)))
    const find = migration.find
    const found = t.mock.method(migration, 'find', async (db: Db, id: string) => {
      const seen = await find(db, id)
      found.mock.restore()
      source?.tellMigration(one.id, { phase: 'switched', progress: progressOf(1) })
      await eventually(async () => assert.notEqual(await phase(), 'sending'))
      return seen
    })
    const { status, body } = await cloud.request('POST', `/v1/migrations/${begun.id}/cancel`)
    assert.equal(status, 409, JSON.stringify(body))
    assert.match(String(body.detail), new RegExp(`${one.name} has gone over to ${begun.target_host} already`))
    moving.obey()
  })
})
