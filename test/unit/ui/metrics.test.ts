/** Samples at the end of a graph. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricHistory, MetricSeries, MetricsNow } from '../../../src/api/metrics.ts'
import type { MetricName } from '../../../src/model/metrics.ts'
import { deviceNames } from '../../../src/ui/instance/device-names.ts'
import { graphs, linesOf, marksOf, timesOf, withSample } from '../../../src/ui/metrics/graphs.ts'

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

test('marks of an axis are numbers that read well, and reach as far as what is measured', () => {
  assert.deepEqual(marksOf('bytes_per_s', 0), [0, 1024, 2048, 3072, 4096])
  const mib = 1024 ** 2
  assert.deepEqual(marksOf('bytes', 1024 * mib), [0, 256 * mib, 512 * mib, 768 * mib, 1024 * mib])
  assert.deepEqual(marksOf('per_s', 37), [0, 10, 20, 30, 40])
  assert.deepEqual(marksOf('load', 4.2), [0, 1, 2, 3, 4, 5])
  for (let most = 1; most < 1e15; most *= 1.37) {
    for (const unit of ['bytes', 'per_s', 'load'] as const) {
      const marks = marksOf(unit, most)
      assert.ok(
        (marks.at(-1) ?? 0) * 1.02 >= most && marks.length >= 3 && marks.length <= 6,
        `${unit} ${most}: ${marks.join()}`,
      )
    }
  }
})

test('each device has a line of its own; of too many, the busiest; without any, all together', () => {
  const disk = graphs.find(one => one.id === 'disk')
  assert.ok(disk)
  const one = (name: MetricName, device: string | null, value: number): MetricSeries => {
    return { name, device, unit: 'bytes_per_s', mean: [value, null], peak: null }
  }
  const both = (device: string | null, value: number) => [
    one('disk_read_bytes_per_s', device, value),
    one('disk_write_bytes_per_s', device, value),
  ]
  const of = (count: number) => ({
    resources: [
      { ...identity, series: [...both(null, 9), ...Array.from({ length: count }, (_, n) => both(`vd${n}`, n)).flat()] },
    ],
  })
  const shown = (count: number, each: boolean) =>
    linesOf(disk, of(count), each).map(line => `${line.place} ${line.device} ${line.dash}`)
  assert.deepEqual(shown(2, false), ['0 null 0', '0 null 1'])
  assert.deepEqual(shown(0, true), ['0 null 0', '0 null 1'])
  assert.deepEqual(shown(2, true), ['0 vd0 0', '0 vd0 1', '1 vd1 0', '1 vd1 1'])
  assert.deepEqual(
    shown(10, true).filter(line => line.endsWith('0')),
    Array.from({ length: 8 }, (_, n) => `${n} vd${n + 2} 0`),
  )
})

test('disks are called by role or name, NICs by network and address, but none by a guess', () => {
  const volume = (id: string, role: 'root' | 'swap' | 'data', bus: string) => ({ id, role, bus, name: `named-${id}` })
  const address = (port_id: string, network: string, at: string) => ({
    ...{ network_id: network, network, port_id, mac: '', address: at, floating_address: null },
  })
  const addresses = [address('p', 'net', '10.0.0.2'), address('p', 'net', 'fd00::2'), address('o', 'lan', '10.1.0.2')]
  const volumes = [volume('b', 'data', 'virtio'), volume('a', 'data', 'scsi'), volume('c', 'root', 'virtio')]
  const nameOf = deviceNames({ addresses }, [...volumes, volume('d', 'swap', 'virtio')])
  const disks = ['vda', 'vdb', 'vdc', 'vdd', 'sda']
  const named = ['root (vda)', 'swap (vdb)', 'named-b (vdc)', null, 'named-a (sda)']
  assert.deepEqual(
    disks.map(one => nameOf(one, disks)),
    named,
  )
  assert.equal(nameOf('nic0', ['nic0', 'nic1']), 'net (10.0.0.2)')
  assert.equal(nameOf('nic1', ['nic0', 'nic1']), 'lan (10.1.0.2)')
  assert.equal(nameOf('nic0', ['nic0']), null)
})
