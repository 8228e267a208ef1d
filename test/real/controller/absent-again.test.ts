/** What was found out of a host's absence says nothing of its next one: it was there between, with new leases and guests that run. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { declareDead, askOthers, noteLeaseOver } from '../../../src/controller/reconcilers/lost-host.ts'
import { type AbsentHost, absence } from '../../../src/controller/store/absence.ts'
import { redfishService, type RedfishTest } from '../../support/bmc.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

describe('a host that was back', { timeout: 60_000 }, () => {
  let cloud: TestCloud
  let service: RedfishTest
  let host: ObedientHost

  before(async () => {
    cloud = await testCloud()
    service = await redfishService()
    host = await addHost(cloud, 'comes-and-goes')
  })
  after(async () => {
    await service.close()
    await cloud.close()
  })

  async function now(): Promise<AbsentHost> {
    const [one] = await absence.list(cloud.cloud.database.db, host.id)
    assert.ok(one)
    return one
  }

  async function ofBefore(): Promise<AbsentHost> {
    const before = await now()
    await host.connect()
    await host.disconnect()
    return before
  }

  for (const [name, step] of [
    ['that its lease was over', noteLeaseOver],
    ['that it was dead', declareDead],
    ['what others saw', askOthers],
  ] as const) {
    test(`${name} in one absence is not noted in the next`, async () => {
      await host.disconnect()
      const before = await ofBefore()
      const { absence: begun, epoch } = await now()
      assert.ok(epoch > before.epoch)
      await step(cloud.cloud, before)
      const { fenced_ms, fenced_by, dead_ms, asked_ms, opinions } = (await now()).absence
      assert.deepEqual(
        { fenced_ms, fenced_by, dead_ms, asked_ms, opinions },
        {
          fenced_ms: null,
          fenced_by: null,
          dead_ms: begun.dead_ms,
          asked_ms: begun.asked_ms,
          opinions: begun.opinions,
        },
      )
      await step(cloud.cloud, await now())
      assert.notDeepEqual((await now()).absence, begun, 'of the absence that it is about it is')
      await host.connect()
    })
  }

  test('who sees to it that its power is off is told when it was back meanwhile', async () => {
    const { address, port, user, password } = service.bmc
    const { certificate_sha256 } = service
    const body = { kind: 'redfish', address, port, user, password, certificate_sha256 }
    assert.equal((await cloud.request('PUT', `/v1/hosts/${host.id}/bmc`, { body })).status, 200)
    await host.disconnect()
    const { fencing } = cloud.cloud
    const off = fencing.off.bind(fencing)
    fencing.off = async (...asked) => {
      const fenced = await off(...asked)
      await host.connect()
      await host.disconnect()
      return fenced
    }
    try {
      const { status, body: said } = await cloud.request('POST', `/v1/hosts/${host.id}/fence`, { body: {} })
      assert.equal(status, 409, JSON.stringify(said))
      assert.match(String(said.detail), /came back meanwhile and went again/)
    } finally {
      fencing.off = off
    }
    assert.equal((await now()).absence.fenced_ms, null)
  })
})
