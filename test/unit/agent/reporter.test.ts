import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReporter, progressEvery_ms } from '../../../src/agent/reporter.ts'
import type { AgentFrame, InstanceReport } from '../../../src/protocol/messages.ts'
import { fakeHost, fakeState, manualClock, quiet, uuid } from './fakes.ts'

type Report = Extract<AgentFrame, { type: 'report' }>

function report(change: Partial<InstanceReport> = {}): InstanceReport {
  return {
    id: uuid(1),
    applied_generation: 1,
    power: 'running',
    failure: null,
    progress: null,
    started_at: null,
    guest_addresses: [],
    stopped_by_guest: false,
    ...change,
  }
}

async function begin(last_report = 0, ids: string[] = []) {
  const host = fakeHost()
  const clock = manualClock()
  const reporter = await createReporter(clock, fakeState(host).folder('agent'), quiet)
  const sent: Report[] = []
  await reporter.begin(frame => void sent.push(frame as Report), last_report, ids)
  return { host, clock, reporter, sent }
}

test('the whole report waits until each instance was looked at', async () => {
  const { clock, reporter, sent } = await begin(0, [uuid(1), uuid(2)])
  reporter.set(report())
  await clock.advance(1000)
  assert.equal(sent.length, 0)
  reporter.set(report({ id: uuid(2) }))
  await clock.advance(10)
  assert.deepEqual(
    sent.map(frame => [frame.whole, frame.instances.length]),
    [[true, 2]],
  )
})

test('changes at one time go together; progress that does not last is not told', async () => {
  const { clock, reporter, sent } = await begin()
  sent.length = 0
  for (const n of [1, 2, 3]) {
    reporter.set(
      report({
        id: uuid(n),
        applied_generation: -1,
        power: 'stopped',
        progress: { step: 'preparing disks', percent: 0 },
      }),
    )
  }
  await clock.advance(50)
  for (const n of [1, 2, 3]) reporter.set(report({ id: uuid(n) }))
  await clock.advance(1000)
  assert.deepEqual(
    sent.map(frame => frame.instances.map(each => each.power)),
    [['running', 'running', 'running']],
  )
})

test('progress that lasts is told now and then; what counts does not wait for it', async () => {
  const { clock, reporter, sent } = await begin()
  sent.length = 0
  for (let percent = 0; percent < 100; percent++) {
    reporter.set(report({ applied_generation: -1, power: 'stopped', progress: { step: 'fetching image', percent } }))
    await clock.advance(20)
  }
  assert.ok(sent.length >= 3 && sent.length <= 2 + 2000 / progressEvery_ms, `${sent.length} in two seconds`)
  const before = sent.length
  reporter.set(report())
  await clock.advance(5)
  assert.equal(sent[before]?.instances[0]?.power, 'running')
})

test('numbers grow over restarts and above what the controller has, without a write for each', async () => {
  const { host, clock, reporter, sent } = await begin(41_000)
  for (let n = 0; n < 50; n++) {
    reporter.set(report({ applied_generation: n }))
    await clock.advance(10)
  }
  const numbers = sent.map(frame => frame.report)
  assert.equal(numbers[0], 41_001)
  assert.equal(new Set(numbers).size, 51)
  let writes = 0
  host.hook = () => writes++
  const again = await createReporter(clock, fakeState(host).folder('agent'), quiet)
  const later: Report[] = []
  await again.begin(frame => void later.push(frame as Report), 0, [])
  assert.ok((later[0]?.report ?? 0) > (numbers.at(-1) ?? 0))
  assert.ok(writes <= 2)
})

test('a clock that is set back holds back nothing that is to be told', async () => {
  const { clock, reporter, sent } = await begin()
  sent.length = 0
  reporter.set(report())
  clock.setWall(-3_600_000)
  await clock.advance(1000)
  assert.equal(sent.length, 1)
  for (const percent of [10, 20]) {
    reporter.set(report({ progress: { step: 'growing', percent } }))
    await clock.advance(1000)
    clock.setWall(-3_600_000)
  }
  assert.deepEqual(
    sent.map(frame => frame.instances[0]?.progress?.percent),
    [undefined, 10, 20],
  )
})
