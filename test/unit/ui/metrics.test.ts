/** Samples at the end of a graph. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricHistory, MetricsNow } from '../../../src/api/metrics.ts'
import { timesOf, withSample } from '../../../src/ui/metrics/graphs.ts'

const identity = { resource_id: 'a', kind: 'instance', name: 'one' } as const
const series = { name: 'cpu_percent', device: null, unit: 'percent' } as const
const at = (seconds: number) => new Date(seconds * 1000).toISOString()
const history: MetricHistory = {
  from: at(100),
  to: at(130),
  step_s: 10,
  resources: [{ ...identity, series: [{ ...series, mean: [1, 2, null], peak: null }] }],
}
const sample = (seconds: number, value: number, resource_id = 'a'): MetricsNow => ({
  ...identity,
  resource_id,
  at: at(seconds),
  values: [{ ...series, value }],
})
const shown = (one: MetricHistory) => ({ from: Date.parse(one.from) / 1000, mean: one.resources[0]?.series[0]?.mean })

test('a sample fills its place, or moves the window on', () => {
  assert.deepEqual(shown(withSample(history, sample(125, 7))), { from: 100, mean: [1, 2, 7] })
  assert.deepEqual(shown(withSample(history, sample(135, 7))), { from: 110, mean: [2, null, 7] })
  assert.deepEqual(shown(withSample(history, sample(205, 7))), { from: 180, mean: [null, null, 7] })
  assert.equal(timesOf(withSample(history, sample(135, 7)))[0], 110)
})

test('of a coarser point a sample is a part; one of before, or of something else, changes nothing that is there', () => {
  const coarse = { ...history, step_s: 20, from: at(100), resources: history.resources }
  assert.deepEqual(shown(withSample(coarse, sample(139, 4))).mean, [1, 3, null])
  assert.deepEqual(withSample(history, sample(99, 7)), history)
  assert.deepEqual(shown(withSample(history, sample(125, 7, 'b'))).mean, [1, 2, null])
})
