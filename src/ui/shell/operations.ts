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
  /** Of what was asked of several things at once: what has become of each. Operation and outcome are null then. */
  parts?: readonly Part[]
  /** Looked away from the corner of the page; it stays in the drawer. */
  hidden: boolean
}

/** One of several things. Neither operation nor reason: it is still being asked, or was done at once when `asked` says so. */
export interface Part {
  label: string
  asked: boolean
  operation: Operation | null
  /** Why it was refused, or left out. */
  refused?: string
}

export function isAtWork({ operation, parts }: Notice): boolean {
  return parts ? parts.some(one => !hasEnded(one)) : operation !== null && operation.ended_at === null
}

export const hasEnded = ({ asked, operation }: Part) => asked && (operation === null || operation.ended_at !== null)

/** Why it is not done; null: it is, or is not yet known. */
export function whyNotDone({ operation, refused }: Part): { operation: Operation | null; why: string | null } | null {
  if (refused !== undefined) return { operation: null, why: refused }
  if (operation === null || operation.ended_at === null || operation.state === 'succeeded') return null
  return { operation, why: operation.reason }
}

const kept_max = 50
/** What has been heard of operations that nobody has told of yet: the answer to a request may come after the event of its end. */
const heard_max = 500

export class Operations {
  private notices: readonly Notice[] = []
  private count = 0
  private readonly listeners = new Set<() => void>()

  readonly snapshot = (): readonly Notice[] => this.notices

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private readonly heard = new Map<string, Operation>()
  private owner: string | undefined

  /** What one person has started is not the next one's to see. */
  belongTo(user_id: string): void {
    if (this.owner !== undefined && this.owner !== user_id) this.become([])
    this.owner = user_id
  }

  started(title: string, operation: Operation): void {
    this.put({ id: operation.id, title, operation: this.latest(operation), outcome: null, hidden: false })
  }

  /** Begins to tell of several things; `set` is called with each as it is known. */
  several(title: string, parts: readonly Part[]): { set(n: number, part: Part): void } {
    const id = `several ${(this.count += 1)}`
    this.put({ id, title, operation: null, outcome: null, parts, hidden: false })
    return {
      set: (n, part) => {
        const now = { ...part, operation: part.operation && this.latest(part.operation) }
        this.become(
          this.notices.map(one => (one.id === id && one.parts ? { ...one, parts: one.parts.with(n, now) } : one)),
        )
      },
    }
  }

  said(title: string, outcome: NonNullable<Notice['outcome']>): void {
    this.put({ id: `said ${(this.count += 1)}`, title, operation: null, outcome, hidden: false })
  }

  hide(id: string): void {
    this.become(this.notices.map(one => (one.id === id ? { ...one, hidden: true } : one)))
  }

  clear(): void {
    this.become(this.notices.filter(isAtWork))
  }

  hear(batch: readonly Event[]): void {
    this.are(
      new Map(
        batch.flatMap(event =>
          event.noun === 'operation' && event.resource ? [[event.resource_id, event.resource as Operation]] : [],
        ),
      ),
    )
  }

  /** After events may have been missed: what has not ended, as it is now. */
  async catchUp(read: (id: string) => Promise<Operation>): Promise<void> {
    const all = this.notices.flatMap(({ operation, parts }) => [operation, ...(parts ?? []).map(one => one.operation)])
    for (const operation of all) {
      if (operation?.ended_at !== null) continue
      // Some are not to be seen from here any more, such as those of another project: the others are looked at all the same.
      const now = await read(operation.id).catch(() => null)
      if (now) this.are(new Map([[operation.id, now]]))
    }
  }

  private are(heard: ReadonlyMap<string, Operation>): void {
    for (const [id, operation] of heard) {
      this.heard.delete(id)
      this.heard.set(id, operation)
    }
    for (const id of [...this.heard.keys()].slice(0, Math.max(0, this.heard.size - heard_max))) this.heard.delete(id)
    const now = (operation: Operation | null) => operation && (heard.get(operation.id) ?? operation)
    const concerns = ({ operation, parts }: Notice) =>
      parts ? parts.some(one => heard.has(one.operation?.id ?? '')) : heard.has(operation?.id ?? '')
    if (!this.notices.some(concerns)) return
    this.become(
      this.notices.map(one => {
        if (!concerns(one)) return one
        const { operation, parts } = one
        return parts
          ? { ...one, parts: parts.map(part => ({ ...part, operation: now(part.operation) })) }
          : { ...one, operation: now(operation) }
      }),
    )
  }

  private latest(operation: Operation): Operation {
    return operation.ended_at === null ? (this.heard.get(operation.id) ?? operation) : operation
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
