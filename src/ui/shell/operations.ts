/**
 * What this tab has started, with its progress from the event stream, and how single calls ended: shown as notices and in the
 * operations drawer (operations-drawer.tsx). Not its job: all operations of the project, which are a noun.
 */
import { useSyncExternalStore } from 'react'
import type { Event } from '../../api/event.ts'
import type { Operation } from '../../api/operation.ts'

export interface Notice {
  id: string
  /** What was asked, in words: "Start web-1" */
  title: string
  operation: Operation | null
  /** Of what needs no operation, or was refused. */
  outcome: { variant: 'success' | 'danger' | 'warning'; detail?: string; error?: unknown } | null
  /** Looked away from the corner of the page; it stays in the drawer. */
  hidden: boolean
}

const kept_max = 50

class Operations {
  private notices: readonly Notice[] = []
  private count = 0
  private readonly listeners = new Set<() => void>()

  readonly snapshot = (): readonly Notice[] => this.notices

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  started(title: string, operation: Operation): void {
    this.put({ id: operation.id, title, operation, outcome: null, hidden: false })
  }

  said(title: string, outcome: NonNullable<Notice['outcome']>): void {
    this.put({ id: `said ${(this.count += 1)}`, title, operation: null, outcome, hidden: false })
  }

  hide(id: string): void {
    this.become(this.notices.map(one => (one.id === id ? { ...one, hidden: true } : one)))
  }

  clear(): void {
    this.become(this.notices.filter(one => one.operation?.ended_at === null))
  }

  hear(batch: readonly Event[]): void {
    const heard = new Map(
      batch.flatMap(event =>
        event.noun === 'operation' && event.resource ? [[event.resource_id, event.resource as Operation]] : [],
      ),
    )
    if (!this.notices.some(one => heard.has(one.id))) return
    this.become(this.notices.map(one => ({ ...one, operation: heard.get(one.id) ?? one.operation })))
  }

  private put(notice: Notice): void {
    this.become([notice, ...this.notices.filter(one => one.id !== notice.id)].slice(0, kept_max))
  }

  private become(notices: readonly Notice[]): void {
    this.notices = notices
    for (const listener of this.listeners) listener()
  }
}

export const operations = new Operations()

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(operations.subscribe, operations.snapshot)
}
