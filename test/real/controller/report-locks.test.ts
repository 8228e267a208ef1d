/** What many hosts report, and what people ask for meanwhile, ends the same operations: nobody waits in a circle, and all is counted. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Tx } from '../../../src/controller/store/database.ts'
import { operation } from '../../../src/controller/store/operation.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

describe('controller/report-locks', () => {
  let cloud: TestCloud
  before(async () => void (cloud = await testCloud()))
  after(() => cloud.close())

  const ids = Array.from({ length: 60 }, () => crypto.randomUUID())
  /** As operations, and the outcomes of reports, name them: in no order. */
  const shuffled = () =>
    ids
      .map(id => ({ id, at: Math.random() }))
      .sort((a, b) => a.at - b.at)
      .map(one => one.id)

  async function startThree(): Promise<string[]> {
    const operations = Array.from({ length: 3 }, () => ({
      id: crypto.randomUUID() as string,
      project_id: cloud.project_id,
      user_id: null,
      request_id: null,
      kind: 'instance.start',
      noun: 'instance',
      resource_id: null,
      targets: shuffled().map(resource_id => ({ resource_id, generation: 2 })),
    }))
    await cloud.cloud.database.transaction(tx => operation.start(tx, operations))
    return operations.map(one => one.id)
  }

  test('targets of the same operations, ended at once by many', async () => {
    // A transaction that a deadlock ended is tried again.
    let attempts = 0
    const counted = (work: (tx: Tx) => Promise<unknown>) =>
      cloud.cloud.database.transaction(tx => {
        attempts += 1
        return work(tx)
      })
    const ended = { generation: 2, outcome: 'succeeded' as const, reason: null }
    for (let n = 0; n < 20; n++) {
      const operation_ids = await startThree()
      const some = () => shuffled().slice(0, 20)
      await Promise.all([
        ...Array.from({ length: 5 }, some).map(these =>
          counted(tx =>
            operation.endTargets(
              tx,
              these.map(resource_id => ({ resource_id, ...ended })),
            ),
          ),
        ),
        ...Array.from({ length: 3 }, some).map(these => counted(tx => operation.cancelTargets(tx, these, 'not now'))),
      ])
      await counted(tx => operation.cancelTargets(tx, ids, 'that is all'))
      for (const one of await operation.byIds(cloud.cloud.database.db, operation_ids)) {
        assert.equal(one.succeeded + one.cancelled, ids.length)
        assert.ok(one.ended_at)
      }
    }
    assert.equal(attempts, 20 * 9)
  })
})
