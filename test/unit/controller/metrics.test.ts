/** Rates over resets, points put together, forecasts, and Prometheus' format: what metrics are made of, without a database. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type Block, type Grid, putTogether, rollUp } from '../../../src/controller/app/metric-blocks.ts'
import { Exposition } from '../../../src/controller/app/metric-exposition.ts'
import { layoutOf, standingInto, valuesInto } from '../../../src/controller/app/metric-rates.ts'
import { stepFor } from '../../../src/controller/app/metrics.ts'
import { forecast } from '../../../src/model/forecast.ts'
import type { InstanceSample } from '../../../src/protocol/samples.ts'

const sample: InstanceSample = {
  id: '00000000-0000-7000-8000-000000000001',
  cpus: 2,
  cpu_s: 100,
  memory_used_bytes: 500,
  memory_size_bytes: 1000,
  disks: [{ name: 'vda', read_bytes: 1000, write_bytes: 2000, read_ops: 10, write_ops: 20 }],
  nics: [],
}

suite('rates', () => {
  const layout = layoutOf('instance', sample)
  const rates = (before: Partial<InstanceSample> | null, now: Partial<InstanceSample>, between_s: number) => {
    const standing = (of: Partial<InstanceSample>) => {
      const into = new Float64Array(layout.series.length)
      standingInto({ ...sample, ...of }, into)
      return into
    }
    const values = new Float32Array(layout.series.length)
    const asked = { before: before && standing(before), now: standing(now), between_s, cpus: sample.cpus }
    valuesInto(layout, asked, values)
    return Object.fromEntries(layout.series.map((key, n) => [key, values[n]]))
  }

  test('a counter’s growth a second; CPU time as a share of all CPUs; gauges as they are', () => {
    const disks = [{ name: 'vda', read_bytes: 1500, write_bytes: 2000, read_ops: 60, write_ops: 20 }]
    const found = rates({}, { cpu_s: 105, disks }, 10)
    assert.equal(found.cpu_percent, 25)
    assert.equal(found['disk_read_bytes_per_s/vda'], 50)
    assert.equal(found['disk_read_ops_per_s/vda'], 5)
    assert.equal(found['disk_write_bytes_per_s/vda'], 0)
    assert.equal(found.memory_used_bytes, 500)
  })

  test('a counter that went back began anew at 0', () => {
    assert.equal(rates({ cpu_s: 100 }, { cpu_s: 2 }, 10).cpu_percent, 10)
  })

  test('no rate without a sample before, after too long, or by a clock that stands or goes back', () => {
    for (const [before, between_s] of [
      [null, 10],
      [{}, 601],
      [{}, 0],
      [{}, -5],
    ] as const) {
      const found = rates(before, { cpu_s: 105 }, between_s)
      assert.ok(Number.isNaN(found.cpu_percent), `${between_s}`)
      assert.equal(found.memory_used_bytes, 500)
    }
  })

  test('whatever a host says, rates are finite and not below 0, and a CPU is at most full', () => {
    const number = fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true })
    fc.assert(
      fc.property(number, number, fc.double({ min: -1000, max: 1000, noNaN: true }), (was, is, between_s) => {
        const rate = rates({ cpu_s: was }, { cpu_s: is }, between_s).cpu_percent ?? Number.NaN
        return Number.isNaN(rate) || (rate >= 0 && rate <= 100)
      }),
    )
  })
})

suite('points put together', () => {
  const points = fc.array(fc.option(fc.integer({ min: 0, max: 1000 }), { nil: Number.NaN, freq: 5 }), {
    minLength: 1,
    maxLength: 200,
  })
  const blockOf = (values: readonly number[]): Block => ({
    at_ms: 0,
    step_s: 10,
    series: ['cpu_percent'],
    mean: Float32Array.from(values),
    peak: null,
  })
  const grid: Grid = { from_ms: 0, step_s: 300, points: 7 }
  const known = (values: readonly number[]) => values.filter(value => !Number.isNaN(value))

  test('each mean is of what was measured in its stretch, each peak its greatest', () => {
    fc.assert(
      fc.property(points, values => {
        const line = putTogether([blockOf(values)], grid).get('cpu_percent')
        for (let n = 0; n < grid.points; n++) {
          const part = known(values.slice(n * 30, n * 30 + 30))
          const mean = part.reduce((sum, one) => sum + one, 0) / part.length
          if (part.length === 0) assert.ok(Number.isNaN(line?.mean[n]) && Number.isNaN(line?.peak[n]))
          else {
            assert.ok(Math.abs((line?.mean[n] ?? 0) - mean) < 1e-6)
            assert.equal(line?.peak[n], Math.max(...part))
          }
        }
      }),
    )
  })

  test('in two goes it is the same as in one, where all was measured', () => {
    const whole = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 360, maxLength: 360 })
    fc.assert(
      fc.property(whole, values => {
        const once = rollUp([blockOf(values)], { from_ms: 0, step_s: 3600, points: 1 })
        const first = rollUp([blockOf(values)], { from_ms: 0, step_s: 300, points: 12 })
        const twice = first && rollUp([first], { from_ms: 0, step_s: 3600, points: 1 })
        assert.equal(twice?.peak?.[0], once?.peak?.[0])
        assert.ok(Math.abs((twice?.mean[0] ?? 0) - (once?.mean[0] ?? 0)) < 0.01)
      }),
      { numRuns: 30 },
    )
  })

  test('it does not matter how a stretch was cut into blocks', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 0, max: 200 }), (values, cut) => {
        const parts = [
          blockOf(values.slice(0, cut)),
          { ...blockOf(values.slice(cut)), at_ms: Math.min(cut, values.length) * 10_000 },
        ]
        assert.deepEqual(
          putTogether(parts, grid).get('cpu_percent')?.peak,
          putTogether([blockOf(values)], grid).get('cpu_percent')?.peak,
        )
      }),
    )
  })

  test('devices add up to the whole, as far as they were measured', () => {
    const block: Block = {
      at_ms: 0,
      step_s: 10,
      series: ['disk_read_ops_per_s/vda', 'disk_read_ops_per_s/vdb'],
      mean: Float32Array.from([1, 2, 3, Number.NaN]),
      peak: null,
    }
    const line = putTogether([block], { from_ms: 0, step_s: 10, points: 2 }, () => ['disk_read_ops_per_s']).get(
      'disk_read_ops_per_s',
    )
    assert.deepEqual([...(line?.mean ?? [])], [3, 3])
  })
})

test('a graph’s points are as near as history has them, and never too many', () => {
  const now = 1_800_000_000_000
  const back = (s: number, least = 10) => stepFor(now - s * 1000, now, now, least)
  assert.equal(back(3600), 10)
  assert.equal(back(6 * 3600), 20)
  assert.equal(back(86_400), 300)
  assert.equal(back(30 * 86_400), 3600)
  assert.equal(back(365 * 86_400), 21_600)
  assert.equal(back(3600, 60), 60)
})

suite('forecast', () => {
  const day_ms = 86_400_000
  const history = (days: number, used: (day: number) => number) =>
    Array.from({ length: days * 24 }, (_, n) => ({ at_ms: (n / 24) * day_ms, used: used(n / 24) }))

  test('steady growth has a day on which it is full', () => {
    const found = forecast(
      history(10, day => 100 + 10 * day),
      430,
    )
    assert.equal(found.kind, 'full_in')
    assert.ok(found.kind === 'full_in' && Math.abs(found.days - 23) < 0.1 && found.fit > 0.99)
  })
  test('what is not known is not said', () => {
    assert.equal(forecast([], 10).kind, 'too_little')
    assert.equal(forecast(history(10, () => 5).slice(0, 5), 10).kind, 'too_little')
    assert.equal(
      forecast(
        history(10, day => 100 - day),
        430,
      ).kind,
      'not_soon',
    )
    assert.equal(
      forecast(
        history(10, () => 100),
        430,
      ).kind,
      'not_soon',
    )
    assert.equal(
      forecast(
        history(10, day => 100 + 0.001 * day),
        430,
      ).kind,
      'not_soon',
    )
    assert.equal(
      forecast(
        history(10, day => 500 + day),
        430,
      ).kind,
      'full',
    )
    assert.equal(
      forecast(
        history(10, day => 100 + 40 * Math.sin(day * 3) + 3 * day),
        150,
      ).kind,
      'unsteady',
    )
  })
})

test('Prometheus’ text: families together, labels and help escaped', () => {
  const out = new Exposition()
  out.add('croft_a', 'gauge', 'Two\nlines \\ "kept"', { name: 'x "y" \\ z\nw' }, 1.5)
  out.add('croft_b_total', 'counter', 'B', {}, 2)
  out.add('croft_a', 'gauge', '', { name: 'other' }, Infinity)
  out.add('croft_a', 'gauge', '', { name: 'nothing' }, Number.NaN)
  assert.equal(
    out.toString(),
    '# HELP croft_a Two\\nlines \\\\ "kept"\n# TYPE croft_a gauge\n' +
      'croft_a{name="x \\"y\\" \\\\ z\\nw"} 1.5\ncroft_a{name="other"} +Inf\n' +
      '# HELP croft_b_total B\n# TYPE croft_b_total counter\ncroft_b_total 2\n',
  )
})
