/**
 * The host's lease, as far as the agent has to do with it: takes what controllers grant, has the watchdog hold it together with
 * whom it guards, says whether a highly available guest may be started, and kills past the deadline as the watchdog does, so that
 * either of the two suffices. The arithmetic is src/model/lease.ts's.
 *
 * What counts is what the watchdog has taken, never what was only granted: while it is away the deadline stands still, and
 * the guests end when it passes.
 */
import { hostDeadline_ms } from '../model/lease.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import type { WantedInstance } from '../protocol/wanted.ts'
import type { Armed, Log, Watchdog } from './ports.ts'

/** A start that takes longer than this must not end beyond the deadline. */
const startWithin_ms = 3000
const look_ms = 500

export interface LeaseKeeper {
  /** A pong that grants, on the link that is there now. */
  granted(sent_ms: number, lease_ms: number): void
  /** These belong here, as was told on this link; with `whole`, all that it was told of. What it was not told of starts nowhere. */
  confirmed(ids: readonly string[], whole: boolean): void
  lost(): void
  /** What is wanted has changed; resolves when the watchdog knows, or cannot be reached. */
  wantedChanged(): Promise<void>
  /** Why a highly available guest cannot be started now, in words; null when it can. */
  whyNot(id: string): string | null
  /** Whether anything here is guarded, or is to be. */
  needed(): boolean
  /** The version of the details by which it is guarded. */
  guardedVersion(id: string): number | null
  /** When it was killed for want of a lease, RFC 3339. */
  killedAt(id: string): string | null
  stop(): void
}

export interface LeaseOptions {
  readonly watchdog: Watchdog | undefined
  readonly clock: Clock
  readonly log: Log
  readonly instances: ReadonlyMap<string, WantedInstance>
  /** Something about whether it may run, or how it is guarded, has changed. */
  changed(ids: readonly string[]): void
}

interface Guard {
  readonly deadline_ms: number
  /** Versions of details by id. */
  readonly guarded: ReadonlyMap<string, number>
}

export function createLeaseKeeper(options: LeaseOptions): LeaseKeeper {
  const { watchdog, clock, log, instances } = options
  let want: Guard | null = null
  /** As the watchdog has it. */
  let have: Guard | null = null
  let known = false
  let turn: Promise<void> | null = null
  let timer: Timer | null = null
  let stopped = false

  const guards = () =>
    new Map(
      [...instances.values()].flatMap(one =>
        one.availability === 'high' ? [[one.id, one.details_version] as const] : [],
      ),
    )

  /** What the watchdog is to be told now. */
  const due = () => (want === have || watchdog?.up !== true || stopped ? null : want)

  /** Brings what the watchdog has to what is wanted of it; one order at a time. */
  function bring(): Promise<void> {
    return (turn ??= (async () => {
      // The turn must be taken before it can be over.
      await Promise.resolve()
      try {
        if (!watchdog) return
        for (let next = due(); next !== null; next = due()) {
          await watchdog.arm({ deadline_ms: next.deadline_ms, guarded: [...next.guarded.keys()] })
          const before = have
          have = next
          options.changed(changedBetween(before, next, watchdog.steady_ms()))
        }
      } catch (error) {
        log.warn({ error }, 'the watchdog could not be told; it is as soon as it is there')
      } finally {
        turn = null
      }
    })())
  }

  /** What was armed in a former life of the agent still holds, until its deadline. */
  function learn(): void {
    if (known || watchdog?.armed == null) return
    known = true
    const { deadline_ms, guarded }: Armed = watchdog.armed
    have = { deadline_ms, guarded: new Map(guarded.map(id => [id, -1])) }
    want = { deadline_ms, guarded: new Map([...have.guarded, ...guards()]) }
  }

  const confirmed = new Set<string>()

  function watch(): void {
    timer = clock.after(look_ms, () => {
      const over = watchdog && have && watchdog.steady_ms() >= have.deadline_ms
      if (over && have && have.guarded.size > 0) {
        const killed = watchdog.kill([...have.guarded.keys()])
        if (killed.length > 0)
          log.error({ killed }, 'the lease of this host is over: highly available guests are killed')
      }
      if (!stopped) watch()
    })
  }

  if (watchdog) {
    learn()
    watchdog.subscribe(event => {
      if (event === 'said') learn()
      if (event === 'up') void bring()
      if (event === 'said') options.changed([...(have?.guarded.keys() ?? [])])
    })
    watch()
  }

  return {
    granted(sent_ms, lease_ms) {
      if (!watchdog) return
      known = true
      const deadline_ms = Math.max(want?.deadline_ms ?? 0, hostDeadline_ms(sent_ms, lease_ms))
      want = { deadline_ms, guarded: guards() }
      void bring()
    },
    confirmed(ids, whole) {
      if (whole) confirmed.clear()
      const guarded = guards()
      const fresh = ids.filter(id => guarded.has(id) && (whole || !confirmed.has(id)))
      for (const id of ids) confirmed.add(id)
      if (fresh.length > 0) options.changed(fresh)
    },
    lost() {
      confirmed.clear()
    },
    async wantedChanged() {
      // Without any lease there is nothing to hold yet, and a deadline of none would kill what runs.
      if (want === null || sameGuards(want.guarded, guards())) return
      // Nor may the first of them be held under one that is over, or nearly: the next pong brings another.
      const ends_ms = watchdog ? want.deadline_ms - startWithin_ms : 0
      if (want.guarded.size === 0 && watchdog && watchdog.steady_ms() > ends_ms) return
      want = { ...want, guarded: guards() }
      await bring()
    },
    whyNot(id) {
      if (!watchdog) return 'this host has no watchdog, which high availability needs'
      if (!watchdog.up) return 'waiting for the watchdog of this host'
      if (!confirmed.has(id)) return 'waiting for a controller to say that it belongs here'
      if (have === null || watchdog.steady_ms() > have.deadline_ms - startWithin_ms) {
        return 'waiting for a lease of a controller'
      }
      return have.guarded.has(id) ? null : 'waiting for the watchdog of this host'
    },
    needed: () => guards().size > 0 || (have?.guarded.size ?? 0) > 0 || (want?.guarded.size ?? 0) > 0,
    guardedVersion(id) {
      const version = have?.guarded.get(id)
      return version === undefined || version < 0 ? null : version
    },
    killedAt: id => watchdog?.killedAt(id) ?? null,
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

function sameGuards(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([id, version]) => b.get(id) === version)
}

/** Whose being guarded is new, or all of them when there was no lease to start under before. */
function changedBetween(before: Guard | null, now: Guard, now_ms: number): string[] {
  const all = before === null || now_ms > before.deadline_ms - startWithin_ms
  return [...now.guarded].flatMap(([id, version]) => (all || before.guarded.get(id) !== version ? [id] : []))
}
