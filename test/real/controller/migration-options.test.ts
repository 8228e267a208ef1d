/** How a live move is to go: as the settings say for the host that sends, unless the request says otherwise; and that the host is told so. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { TestCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovingCloud, movingCloud } from '../../support/moving.ts'
import type { ObedientHost } from '../../support/obedient-host.ts'

describe('controller/migration-options', () => {
  let moving: MovingCloud
  let cloud: TestCloud
  let hosts: ObedientHost[]

  before(async () => {
    moving = await movingCloud()
    ;({ cloud, hosts } = moving)
  })
  after(() => cloud.close())

  /** What the host that sends is told, which it does not do yet. */
  async function told(asked: Record<string, unknown>) {
    const one = await moving.create()
    const source = hosts.find(host => host.id === one.host_id)
    assert.ok(source)
    source.sends = 'on-and-on'
    const answered = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: asked })
    assert.equal(answered.status, 202, JSON.stringify(answered.body))
    await eventually(() => assert.ok(source.sent.has(one.id)))
    const migration = source.wanted.get(one.id)?.migration
    assert.ok(migration)
    return migration
  }
  async function set(name: string, value: unknown): Promise<void> {
    const answered = await cloud.request('PUT', `/v1/settings/${name}`, { body: { value } })
    assert.equal(answered.status, 200, JSON.stringify(answered.body))
  }

  test('auto-converge: without a word on, off by the setting, and either way by the request', async () => {
    assert.equal((await told({})).auto_converge, true)
    assert.equal((await told({ auto_converge: false })).auto_converge, false)
    await set('migration.auto_converge', false)
    assert.equal((await told({})).auto_converge, false)
    assert.equal((await told({ auto_converge: true })).auto_converge, true)
  })

  test('bandwidth, pause, postcopy and time likewise', async () => {
    const pick = ({
      bandwidth_mib_s,
      downtime_ms_max,
      postcopy_after_s,
      timeout_s,
    }: Awaited<ReturnType<typeof told>>) => [bandwidth_mib_s, downtime_ms_max, postcopy_after_s, timeout_s]
    await set('migration.bandwidth_mib_s', 11)
    await set('migration.downtime_ms_max', 222)
    await set('migration.postcopy_after_s', 33)
    await set('migration.timeout_s', 444)
    assert.deepEqual(pick(await told({})), [11, 222, 33, 444])
    const asked = { bandwidth_mib_s: 55, downtime_ms_max: 66, postcopy_after_s: 77, timeout_s: 88 }
    assert.deepEqual(pick(await told(asked)), [55, 66, 77, 88])
  })
})
