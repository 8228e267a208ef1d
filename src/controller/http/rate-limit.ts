/** A token bucket per caller, so that one of them cannot use up the server. In memory: each controller counts its own. */
import type { FastifyReply } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import { CloudError } from '../../model/errors.ts'

export interface Rate {
  per_s: number
  burst: number
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
    const now_ms = this.clock.now_ms()
    const bucket = this.buckets.get(key) ?? { tokens: this.rate.burst, filled_ms: now_ms }
    const gained = ((now_ms - bucket.filled_ms) / 1000) * this.rate.per_s
    bucket.tokens = Math.min(this.rate.burst, bucket.tokens + Math.max(0, gained))
    bucket.filled_ms = now_ms
    // Least recently used first out: a map keeps the order of insertion.
    this.buckets.delete(key)
    this.buckets.set(key, bucket)
    if (this.buckets.size > buckets_max) {
      const [oldest] = this.buckets.keys()
      if (oldest !== undefined) this.buckets.delete(oldest)
    }
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1
      return
    }
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
}
