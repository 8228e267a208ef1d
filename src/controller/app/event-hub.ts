/**
 * Every change reaches this controller once: the hub reads new events when the database says that there are some, and
 * hands them in batches to whoever watches here (event streams, waits for operations). One query per batch, not per watcher.
 */
import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.ts'
import { channels, type Database } from '../store/database.ts'
import { type EventRow, event, parseCursor } from '../store/event.ts'

export type Watcher = (events: readonly EventRow[]) => void

const batch_max = 1000
/** What is recorded within this time of a reading is read with the next: the more there is, the larger the batches. */
const gather_ms = 8
/** How soon to look again while an open transaction hides events that are already there. */
const hidden_retry_ms = 3
const hidden_retry_ms_max = 200

export class EventHub {
  private readonly watchers = new Set<Watcher>()
  private readonly database: Database
  private readonly clock: Clock
  private readonly log: Logger
  private cursor = { xid: '0', seq: 0 }
  private reading: Promise<void> | undefined
  private again = false
  private retry: Timer | undefined
  private gathering: Timer | undefined
  /** When the last reading began. */
  private read_ms = Number.NEGATIVE_INFINITY
  private retry_ms = hidden_retry_ms
  private warned = false
  private stop: (() => void) | undefined

  constructor(parts: { database: Database; clock: Clock; log: Logger }) {
    this.database = parts.database
    this.clock = parts.clock
    this.log = parts.log
  }

  /** Begins at the newest event; what came before is read from the database by who needs it. */
  async start(): Promise<void> {
    this.cursor = parseCursor(await event.head(this.database.db)) ?? this.cursor
    await this.warnIfBlind()
    this.stop = this.database.listen(channels.event, () => this.wake())
    this.wake()
  }

  async close(): Promise<void> {
    this.stop?.()
    this.stop = undefined
    await this.reading
    this.retry?.cancel()
    this.gathering?.cancel()
  }

  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  private wake(): void {
    if (this.reading) {
      this.again = true
      return
    }
    if (this.gathering) return
    const early_ms = this.read_ms + gather_ms - this.clock.steady_ms()
    if (early_ms > 0) {
      this.gathering = this.clock.after(early_ms, () => {
        this.gathering = undefined
        this.wake()
      })
      return
    }
    this.read_ms = this.clock.steady_ms()
    this.reading = this.read()
      .catch(error => {
        this.log.warn({ err: error }, 'events could not be read; trying again')
        this.lookAgain()
      })
      .finally(() => {
        this.reading = undefined
        if (this.again && this.stop) {
          this.again = false
          this.wake()
        }
      })
  }

  private async read(): Promise<void> {
    for (;;) {
      const { events, hidden } = await event.since(this.database.db, this.cursor, batch_max)
      const last = events.at(-1)
      if (last) {
        this.cursor = parseCursor(last.cursor) ?? this.cursor
        for (const watcher of this.watchers) watcher(events)
      }
      if (events.length === batch_max) continue
      if (hidden) {
        if (this.retry_ms === hidden_retry_ms_max) await this.warnIfBlind()
        this.lookAgain()
      } else this.retry_ms = hidden_retry_ms
      return
    }
  }

  /** Once: it is for an operator to grant. */
  private async warnIfBlind(): Promise<void> {
    if (this.warned) return
    const roles = await event.unseenRoles(this.database.db)
    if (roles.length === 0) return
    this.warned = true
    this.log.warn(
      { roles },
      'sessions of other roles are at work in the database whose transactions this one cannot see, so events come late ' +
        'while any long transaction is open on the server: let all controllers use one role, or GRANT pg_read_all_stats to each',
    )
  }

  private lookAgain(): void {
    this.retry?.cancel()
    if (!this.stop) return
    this.retry = this.clock.after(this.retry_ms, () => this.wake())
    this.retry_ms = Math.min(this.retry_ms * 2, hidden_retry_ms_max)
  }
}
