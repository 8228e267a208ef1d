/**
 * Leases in whole clouds whose clocks are as wrong as they may be: real controllers and agents, hosts cut off at the worst moment. And that
 * what is watched for is seen: with clocks that are worse than allowed guests run twice.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { type Partition, PartitionRun } from '../../sim/partition.ts'
import { drift_max } from '../../sim/skew.ts'

const [slow, fast] = [1 - drift_max, 1 + drift_max]

describe('clocks that are wrong', () => {
  let engine: Engine
  before(async () => {
    engine = await Engine.open(new VirtualClock(0))
  })
  after(() => engine.pglite.close())

  const violations = async (seed: string, rates: Record<string, number>, partitions: readonly Partition[]) =>
    (await new PartitionRun(engine, { seed, rates, partitions }).run()).violations

  test('slow hosts, fast controllers, walls that are set: nothing runs twice, and all runs again', async () => {
    assert.deepEqual(await violations('cut off', { h: slow, c: fast }, ['host']), [])
  })

  test('a slow controller that is believed dead grants no longer than the fast one counts on', async () => {
    assert.deepEqual(await violations('believed dead', { h: slow, c1: slow, c2: fast }, ['believed dead']), [])
  })

  test('worse clocks than allowed are seen', async () => {
    const found = await violations('too slow', { h: 1 - 4 * drift_max, c: fast }, ['host'])
    assert.match(found.join('\n'), /ran on .* at once/)
  })
})
