import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressKey } from '../../../src/controller/app/address-key.ts'
import { RateLimiter, RequestLimits } from '../../../src/controller/http/rate-limit.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { CloudError } from '../../../src/model/errors.ts'

function frozenClock() {
  const clock = { now: 1_000_000 }
  const port: Clock = {
    now_ms: () => clock.now,
    steady_ms: () => clock.now,
    after: () => ({ cancel: () => undefined }),
    sleep: () => Promise.resolve(),
  }
  return { clock, port }
}

function reply() {
  const headers: Record<string, unknown> = {}
  return { headers, header: (name: string, value: unknown) => void (headers[name] = value) } as never
}

const refusal = (error: unknown) => error instanceof CloudError && error.code === 'too_many_requests'

test('a burst, then as many as the rate gives, and a Retry-After that is true', () => {
  const { clock, port } = frozenClock()
  const limiter = new RateLimiter(port, { per_s: 2, burst: 3 })
  const told: { headers: Record<string, unknown> } = reply()
  for (let i = 0; i < 3; i++) limiter.admit('a', told as never)
  assert.throws(() => limiter.admit('a', told as never), refusal)
  assert.equal(told.headers['retry-after'], '1')
  limiter.admit('b', told as never)
  clock.now += 1000
  limiter.admit('a', told as never)
  limiter.admit('a', told as never)
  assert.throws(() => limiter.admit('a', told as never), refusal)
  clock.now += 3_600_000
  for (let i = 0; i < 3; i++) limiter.admit('a', told as never)
  assert.throws(() => limiter.admit('a', told as never), refusal)
})

test('a clock that steps back gives nothing and takes nothing', () => {
  const { clock, port } = frozenClock()
  const limiter = new RateLimiter(port, { per_s: 1, burst: 1 })
  limiter.admit('a', reply())
  clock.now -= 60_000
  assert.throws(() => limiter.admit('a', reply()), refusal)
})

function countAdmitted(limits: RequestLimits, request: (i: number) => Record<string, unknown>): number {
  let admitted = 0
  try {
    for (; admitted < 100_000; admitted++) limits.admit(request(admitted) as never, reply())
  } catch (error) {
    assert.ok(refusal(error))
  }
  return admitted
}

test('made-up credentials do not get round the limit of their address', () => {
  const limits = new RequestLimits(frozenClock().port, { per_s: 10, burst: 20 })
  const admitted = countAdmitted(limits, i => ({
    ip: '192.0.2.1',
    routeOptions: { url: '/v1/flavors' },
    method: 'GET',
    headers: { authorization: `Bearer made-up-${i}` },
  }))
  assert.equal(admitted, 200)
})

test('sign-ins have a limit of their own, with or without credentials, over a whole IPv6 network', () => {
  const limits = new RequestLimits(frozenClock().port, { per_s: 100, burst: 400 })
  const admitted = countAdmitted(limits, i => ({
    ip: `2001:db8::${i.toString(16)}`,
    routeOptions: { url: '/v1/sign-in' },
    method: 'POST',
    headers: i % 2 ? { authorization: `Bearer x${i}` } : {},
  }))
  assert.equal(admitted, 40)
})

test('addresses: a v6 /64 is one, v4 in v6 is v4', () => {
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), addressKey('2001:db8:1:2::1'))
  assert.notEqual(addressKey('2001:db8:1:2::1'), addressKey('2001:db8:1:3::1'))
  assert.equal(addressKey('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(addressKey('192.0.2.1'), '192.0.2.1')
})
