/**
 * Tells the controller what changed: numbered, batched, only differences after a first whole report. Knows reports, not how
 * they come about.
 *
 * Numbers grow for ever, over restarts too: they are set aside on disk a block at a time, so that a report costs no write.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import type { AgentFrame, InstanceReport } from '../protocol/messages.ts'
import type { Log, StateFolder } from './ports.ts'

export const batch_ms = 3
/**
 * A report that changes nothing but the progress is for people who wait: it goes out when it still holds after this long, and
 * this often at most. So an instance that starts at once costs one report.
 */
export const progressAfter_ms = 200
export const progressEvery_ms = 500
const block = 10_000
const counterName = 'report'

export interface Reporter {
  /** Keeps it; sends it soon when it differs from what was sent last. */
  set(report: InstanceReport): void
  drop(id: string): void
  get(id: string): InstanceReport | undefined
  /** A controller answers on a new link: send all, once each of `ids` has a report. Nothing goes out before. */
  begin(send: (frame: AgentFrame) => void, last_report: number, ids: Iterable<string>): Promise<void>
  readonly end: () => void
}

export async function createReporter(clock: Clock, folder: StateFolder, log: Log): Promise<Reporter> {
  const saved = (await folder.read()).get(counterName)
  let reserved = typeof saved === 'number' && Number.isSafeInteger(saved) ? saved : 0
  let number = reserved
  const reports = new Map<string, InstanceReport>()
  const sent = new Map<string, { report: InstanceReport; at_ms: number }>()
  /** Since when each differs from what was sent. */
  const changed = new Map<string, number>()
  let send: ((frame: AgentFrame) => void) | null = null
  /** Ids that have no report yet, while the whole one waits for them; null once it went out. */
  let missing: Set<string> | null = null
  let timer: { at_ms: number; timer: Timer } | null = null
  let session = 0

  async function reserve(beyond: number): Promise<void> {
    if (beyond + block / 2 <= reserved) return
    const next = beyond + block
    await folder.write([{ name: counterName, value: next }])
    reserved = Math.max(reserved, next)
  }

  function flushAt(at_ms: number): void {
    if (send === null || (timer !== null && timer.at_ms <= at_ms)) return
    timer?.timer.cancel()
    const fire = () => {
      timer = null
      flush()
    }
    timer = { at_ms, timer: clock.after(Math.max(0, at_ms - clock.steady_ms()), fire) }
  }

  /** When this change may go out. */
  function dueAt(report: InstanceReport, since_ms: number): number {
    const last = sent.get(report.id)
    if (!isProgressOnly(last?.report, report)) return since_ms + batch_ms
    return Math.max(since_ms + progressAfter_ms, (last?.at_ms ?? -Infinity) + progressEvery_ms)
  }

  function flush(): void {
    if (send === null) return
    if (missing !== null) {
      if (missing.size > 0) return
      missing = null
      changed.clear()
      emit(true, [...reports.values()])
      return
    }
    const steady_ms = clock.steady_ms()
    const due: InstanceReport[] = []
    let next_ms = Infinity
    for (const [id, since_ms] of changed) {
      const report = reports.get(id)
      const due_ms = report === undefined ? steady_ms : dueAt(report, since_ms)
      if (due_ms > steady_ms) {
        next_ms = Math.min(next_ms, due_ms)
        continue
      }
      changed.delete(id)
      const last = sent.get(id)
      if (report !== undefined && !(last !== undefined && same(last.report, report))) due.push(report)
    }
    if (due.length > 0) emit(false, due)
    if (next_ms < Infinity) flushAt(next_ms)
  }

  function emit(whole: boolean, instances: InstanceReport[]): void {
    number++
    // Half a block is still set aside while this is written.
    reserve(number).catch(error => log.error({ error }, 'report numbers cannot be set aside on disk'))
    const at_ms = clock.steady_ms()
    for (const report of instances) sent.set(report.id, { report, at_ms })
    send?.({ type: 'report', report: number, whole, instances })
  }

  return {
    set(report) {
      const last = reports.get(report.id)
      const waited = missing?.delete(report.id) === true
      if (last === undefined || !same(last, report)) {
        reports.set(report.id, report)
        const steady_ms = clock.steady_ms()
        const since_ms = changed.get(report.id) ?? steady_ms
        changed.set(report.id, since_ms)
        // What others wait behind goes out with the next batch, counted from now.
        flushAt(Math.max(dueAt(report, since_ms), steady_ms + batch_ms))
      }
      if (waited) flushAt(clock.steady_ms() + batch_ms)
    },
    drop(id) {
      reports.delete(id)
      sent.delete(id)
      changed.delete(id)
      missing?.delete(id)
    },
    get: id => reports.get(id),
    async begin(sendFrame, last_report, ids) {
      const mine = ++session
      number = Math.max(number, last_report)
      await reserve(number)
      if (mine !== session) return
      send = sendFrame
      sent.clear()
      missing = new Set([...ids].filter(id => !reports.has(id)))
      flush()
    },
    end() {
      session++
      send = null
      missing = null
      timer?.timer.cancel()
      timer = null
    },
  }
}

function same(a: InstanceReport, b: InstanceReport): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/**
 * Nothing but the progress is new; nor is it news that nothing was done yet for a new instance, unless it is one that comes from another
 * host, which waits there for a word from here.
 */
function isProgressOnly(last: InstanceReport | undefined, next: InstanceReport): boolean {
  const { phase = 'preparing' } = next.migration ?? {}
  if (last === undefined) return next.applied_generation < 0 && next.failure === null && phase === 'preparing'
  return same({ ...last, progress: null }, { ...next, progress: null })
}
