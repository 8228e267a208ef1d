/**
 * Token buckets, so that one caller cannot use up the server: one per credential, one per address (a made-up credential
 * is new each time), and a small one per address for sign-ins, which cost a password hash each. In memory: each
 * controller counts its own.
 */
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sessionRoutes } from '../../api/session.ts'
import type { Clock } from '../../lib/clock.ts'
import { CloudError } from '../../model/errors.ts'
import { addressKey } from '../app/address-key.ts'

export interface Rate {
  readonly per_s: number
  readonly burst: number
}

/** What one caller may, followed as the setting changes. */
export function rateOf(settings: { get(name: 'api.requests_per_s'): number }): Rate {
  return {
    get per_s() {
      return settings.get('api.requests_per_s')
    },
    get burst() {
      return settings.get('api.requests_per_s') * 2
    },
  }
}

interface Bucket {
  tokens: number
  filled_ms: number
}

const buckets_max = 100_000

export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>()
  private readonly clock: Clock
  private readonly rate: Rate

  constructor(clock: Clock, rate: Rate) {
    this.clock = clock
    this.rate = rate
  }

  /** Takes one token of the caller's bucket. Throws too_many_requests, with Retry-After set, when there is none. */
  admit(key: string, reply: Pick<FastifyReply, 'header'>): void {
    const bucket = this.bucketOf(key)
    if (took(bucket)) return
    const retry_s = Math.max(1, Math.ceil((1 - bucket.tokens) / this.rate.per_s))
    reply.header('retry-after', String(retry_s))
    throw new CloudError(
      'too_many_requests',
      `More requests than this server takes from one caller. Try again in ${retry_s} s.`,
      {
        retry_after_s: retry_s,
        per_s: this.rate.per_s,
      },
    )
  }

  /** The same for where there is no reply yet: false when there is none. */
  takes(key: string): boolean {
    return took(this.bucketOf(key))
  }

  private bucketOf(key: string): Bucket {
    const steady_ms = this.clock.steady_ms()
    const bucket = this.buckets.get(key) ?? { tokens: this.rate.burst, filled_ms: steady_ms }
    const gained = ((steady_ms - bucket.filled_ms) / 1000) * this.rate.per_s
    bucket.tokens = Math.min(this.rate.burst, bucket.tokens + gained)
    bucket.filled_ms = steady_ms
    // Least recently used first out: a map keeps the order of insertion.
    this.buckets.delete(key)
    this.buckets.set(key, bucket)
    if (this.buckets.size > buckets_max) {
      const [oldest] = this.buckets.keys()
      if (oldest !== undefined) this.buckets.delete(oldest)
    }
    return bucket
  }
}

function took(bucket: Bucket): boolean {
  if (bucket.tokens < 1) return false
  bucket.tokens -= 1
  return true
}

/** How many callers an address may carry, and how much of a caller's rate may be sign-ins. */
const callers_per_address = 10
const sign_in_share = { per_s: 1 / 50, burst: 1 / 10 }

/** All limits that a request has to pass. */
export class RequestLimits {
  private readonly callers: RateLimiter
  private readonly addresses: RateLimiter
  private readonly signIns: RateLimiter

  constructor(clock: Clock, rate: Rate) {
    const times = (per_s: number, burst: number) =>
      // Read anew each time: the rate may be a setting.
      new RateLimiter(clock, {
        get per_s() {
          return rate.per_s * per_s
        },
        get burst() {
          return Math.max(1, rate.burst * burst)
        },
      })
    this.callers = times(1, 1)
    this.addresses = times(callers_per_address, callers_per_address)
    this.signIns = times(sign_in_share.per_s, sign_in_share.burst)
  }

  /** Throws too_many_requests, with Retry-After set. Sign-ins are told by their route: a path can be written in many ways. */
  admit(
    request: Pick<FastifyRequest, 'ip' | 'routeOptions' | 'method' | 'headers'>,
    reply: Pick<FastifyReply, 'header'>,
  ): void {
    const address = addressKey(request.ip)
    const { authorization } = request.headers
    // By hash: credentials are never kept in the clear.
    this.callers.admit(authorization ? createHash('sha256').update(authorization).digest('base64') : address, reply)
    if (authorization) this.addresses.admit(address, reply)
    if (request.method === 'POST' && request.routeOptions.url === sessionRoutes.create.path) {
      this.signIns.admit(address, reply)
    }
  }
}
