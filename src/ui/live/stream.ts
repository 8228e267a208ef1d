/**
 * The one event stream of this tab. Events are gathered and handed on once per frame, so that a thousand changes are one redraw.
 * Not its job: what an event changes (apply.ts).
 */
import type { Event } from '../../api/event.ts'
import type { ApiClient } from '../../sdk/client.ts'
import { delay } from '../../sdk/client.ts'
import { ApiProblem } from '../../sdk/errors.ts'

export type LiveState = 'connecting' | 'live' | 'lost' | 'off'

interface Heard {
  events(batch: readonly Event[]): void
  /** Events may have been missed: what is shown must be read again. */
  gap(): void
  /** It is open, for the first time or again: from here on nothing is missed. */
  opened(): void
  refused(error: ApiProblem): void
}

/** Beyond this, reading again what is shown is less work. */
const waiting_max = 5000

/** Between one try and the next to open a stream that could not be opened. */
const again_ms = [1000, 3000, 10_000]

/** Refused for good: signed out, or not permitted. */
function isFinal(error: unknown): error is ApiProblem {
  return error instanceof ApiProblem && error.status < 500 && error.status !== 429 && error.code !== 'not_croft'
}

class Live {
  state: LiveState = 'connecting'
  /** Reads wait for it, so that nothing happens unheard between reading and hearing. Resolves also when there will be no stream. */
  opened: Promise<void> = Promise.resolve()
  private readonly listeners = new Set<() => void>()
  private readonly followers = new Set<(batch: readonly Event[] | null) => void>()
  private waiting: Event[] = []
  private missed = false
  private frame: number | undefined

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): LiveState => this.state

  /** Called with each batch, after what is shown was changed by it; with null when some may have been missed. Until the returned function is called. */
  follow(follower: (batch: readonly Event[] | null) => void): () => void {
    this.followers.add(follower)
    return () => this.followers.delete(follower)
  }

  /** Until the returned function is called. */
  start(client: ApiClient, all_projects: boolean, heard: Heard): () => void {
    const stopped = new AbortController()
    const open = Promise.withResolvers<void>()
    this.opened = open.promise
    this.become('connecting')
    let missed = false
    const options = {
      signal: stopped.signal,
      ...(all_projects && { all_projects }),
      on_open: (gap: boolean) => {
        if (gap || missed) this.missedSome(heard)
        missed = false
        this.become('live')
        open.resolve()
        heard.opened()
      },
      on_lost: () => this.become('lost'),
    }
    const follow = async () => {
      for (let tried = 0; !stopped.signal.aborted; tried++) {
        try {
          for await (const event of client.events(options)) this.hold(event, heard)
        } catch (error) {
          if (stopped.signal.aborted) return
          if (isFinal(error)) {
            this.become('off')
            return heard.refused(error)
          }
        }
        // A controller that is away, or too busy for one more stream. Reads need not wait for it; what it would have told is missed.
        missed = true
        this.become('lost')
        open.resolve()
        await delay(again_ms[Math.min(tried, again_ms.length - 1)] ?? 0, stopped.signal).catch(() => undefined)
      }
    }
    void follow().finally(open.resolve)
    return () => {
      stopped.abort()
      if (this.frame !== undefined) cancelAnimationFrame(this.frame)
      this.frame = undefined
      this.waiting = []
    }
  }

  /** A tab that is not looked at draws no frames: it holds events back, up to a number. */
  private hold(event: Event, heard: Heard): void {
    if (this.waiting.length >= waiting_max) {
      this.waiting = []
      this.missed = true
    }
    this.waiting.push(event)
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined
      const batch = this.waiting
      this.waiting = []
      if (this.missed) this.missedSome(heard)
      else {
        heard.events(batch)
        for (const follower of this.followers) follower(batch)
      }
      this.missed = false
    })
  }

  private missedSome(heard: Heard): void {
    heard.gap()
    for (const follower of this.followers) follower(null)
  }

  private become(state: LiveState): void {
    this.state = state
    for (const listener of this.listeners) listener()
  }
}

export const live = new Live()
