/** What a host says of itself when nothing is to be said: heartbeats where guests need a lease, little more than its samples elsewhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLink } from '../../../src/agent/link.ts'
import type { LinkHandlers } from '../../../src/agent/ports.ts'
import type { AgentFrame, ControllerFrame } from '../../../src/protocol/messages.ts'
import { manualClock, quiet, settle, uuid } from './fakes.ts'

const heartbeat_ms = 5000
const sample: AgentFrame = { type: 'samples', taken_ms: 1, host: null, instances: [] }

async function linked({ calm_ms }: { calm_ms?: number }) {
  const clock = manualClock()
  const said: { at_ms: number; frame: AgentFrame }[] = []
  const began_ms = clock.steady_ms()
  const at = { needs: false, answers: true, dials: 0 }
  let events: LinkHandlers | undefined
  const hears = (frame: ControllerFrame) => events?.message(JSON.stringify(frame))
  const link = createLink({
    dialler: {
      dial: async (_, given) => {
        at.dials++
        events = given
        return {
          send: text => {
            const frame = JSON.parse(text) as AgentFrame
            said.push({ at_ms: clock.steady_ms() - began_ms, frame })
            const asked = frame.type === 'ping' && !frame.quiet ? frame.sent_ms : null
            const sent_ms = frame.type === 'samples' ? (frame.asks_ms ?? null) : asked
            if (sent_ms !== null && at.answers) hears({ type: 'pong', sent_ms, lease_ms: 30_000 })
          },
          close: () => undefined,
        }
      },
      urls: ['wss://controller'],
      stream: () => Promise.reject(new Error('nothing is streamed here')),
    },
    clock,
    random: { fraction: () => 0.5 },
    log: quiet,
    hello: async () => ({ type: 'hello', protocol: 1, facts: {} as never, holds: [] }),
    welcomed: async () => undefined,
    frame: async () => undefined,
    needsLease: () => at.needs,
    lost: () => undefined,
  })
  link.start()
  await settle()
  hears({
    type: 'welcome',
    protocol: 1,
    host_id: uuid(1),
    heartbeat_ms,
    last_report: 0,
    ...(calm_ms !== undefined && { calm_ms }),
  })
  await settle()
  /** For so long, with samples as often; what was said meanwhile. */
  const pass = async (for_ms: number, every_ms?: number) => {
    said.length = 0
    const end_ms = clock.steady_ms() + for_ms
    while (clock.steady_ms() < end_ms) {
      await clock.advance(Math.min(every_ms ?? for_ms, end_ms - clock.steady_ms()))
      if (every_ms !== undefined) link.send(sample)
      await settle()
    }
    return said.map(one => one.frame)
  }
  return { link, at, pass, said, first: said.map(one => one.frame) }
}

test('with samples a calm host says nothing else: every other one asks for an answer', async () => {
  const { link, pass, first } = await linked({ calm_ms: 10_500 })
  assert.deepEqual(first.at(-1), { type: 'ping', sent_ms: 1_000_000, within_ms: 10_500 })
  const frames = await pass(120_000, 10_000)
  assert.deepEqual(new Set(frames.map(frame => frame.type)), new Set(['samples']))
  const asks = frames.filter(frame => frame.type === 'samples' && frame.asks_ms !== undefined)
  assert.equal(asks.length, 6)
  for (const one of asks) assert.equal(one.type === 'samples' && one.within_ms, 10_500)
  link.stop()
})

test('without samples it says within the time that it is there', async () => {
  const { link, pass, said } = await linked({ calm_ms: 10_500 })
  const frames = await pass(120_000)
  assert.equal(frames.length, 11)
  assert.ok(frames.every(frame => frame.type === 'ping' && frame.within_ms === 10_500))
  assert.deepEqual([...new Set(said.slice(1).map(({ at_ms }, n) => at_ms - (said[n]?.at_ms ?? 0)))], [10_500])
  link.stop()
})

test('a guest that needs a lease comes: a heartbeat at once, and then each', async () => {
  const { link, at, pass, said } = await linked({ calm_ms: 10_500 })
  // The last sample that asked was a moment ago, and a heartbeat is not due for that.
  await pass(20_000, 10_000)
  at.needs = true
  said.length = 0
  link.wantedChanged()
  assert.deepEqual(
    said.map(({ frame }) => [frame.type, 'within_ms' in frame]),
    [['ping', false]],
    'so that its silence would be noticed as soon as that of any such host',
  )
  const frames = await pass(30_000, 10_000)
  const pings = frames.filter(frame => frame.type === 'ping')
  assert.ok(pings.length >= 6, `${pings.length} pings`)
  assert.ok(pings.every(frame => frame.within_ms === undefined && !frame.quiet))
  assert.ok(frames.every(frame => frame.type !== 'samples' || frame.asks_ms === undefined))
  link.stop()
})

test('a controller that knows nothing of it gets heartbeats as before', async () => {
  const { link, pass } = await linked({})
  const frames = await pass(60_000, 10_000)
  assert.ok(frames.filter(frame => frame.type === 'ping').length >= 5)
  assert.ok(frames.every(frame => !('within_ms' in frame) && !('asks_ms' in frame)))
  link.stop()
})

test('a controller that does not answer samples that ask is left as soon as one that does not answer pings', async () => {
  const { link, at, pass } = await linked({ calm_ms: 10_500 })
  await pass(10_000, 10_000)
  at.answers = false
  // It asks after ten seconds more, and gives it three heartbeats.
  await pass(24_000, 10_000)
  assert.equal(at.dials, 1)
  await pass(2000)
  assert.equal(at.dials, 2)
  link.stop()
})
