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
/** Of one instance, a report that changes nothing but the progress goes out this often at most. */
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
  const changed = new Set<string>()
  let send: ((frame: AgentFrame) => void) | null = null
  /** Ids that have no report yet, while the whole one waits for them; null once it went out. */
  let missing: Set<string> | null = null
  let timer: Timer | null = null
  let session = 0

  async function reserve(beyond: number): Promise<void> {
    if (beyond + block / 2 <= reserved) return
    const next = beyond + block
    await folder.write([{ name: counterName, value: next }])
    reserved = Math.max(reserved, next)
  }

  function flushSoon(delay_ms: number): void {
    if (send === null || timer !== null) return
    timer = clock.after(delay_ms, () => {
      timer = null
      flush()
    })
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
    const now_ms = clock.now_ms()
    const due: InstanceReport[] = []
    let wait_ms = Infinity
    for (const id of changed) {
      const report = reports.get(id)
      const last = sent.get(id)
      const rest_ms = last === undefined ? 0 : last.at_ms + progressEvery_ms - now_ms
      if (report !== undefined && last !== undefined && rest_ms > 0 && differsInProgressOnly(last.report, report)) {
        wait_ms = Math.min(wait_ms, rest_ms)
        continue
      }
      changed.delete(id)
      if (report !== undefined && !(last !== undefined && same(last.report, report))) due.push(report)
    }
    if (due.length > 0) emit(false, due)
    if (wait_ms < Infinity) flushSoon(wait_ms)
  }

  function emit(whole: boolean, instances: InstanceReport[]): void {
    number++
    // Half a block is still set aside while this is written.
    reserve(number).catch(error => log.error({ error }, 'report numbers cannot be set aside on disk'))
    const at_ms = clock.now_ms()
    for (const report of instances) sent.set(report.id, { report, at_ms })
    send?.({ type: 'report', report: number, whole, instances })
  }

  return {
    set(report) {
      const last = reports.get(report.id)
      missing?.delete(report.id)
      if (last === undefined || !same(last, report)) {
        reports.set(report.id, report)
        changed.add(report.id)
      }
      if (changed.size > 0 || missing !== null) {
        // A change of substance must not wait behind a progress timer.
        if (timer !== null && last !== undefined && !differsInProgressOnly(last, report)) {
          timer.cancel()
          timer = null
        }
        flushSoon(batch_ms)
      }
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
      timer?.cancel()
      timer = null
    },
  }
}

function same(a: InstanceReport, b: InstanceReport): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

function differsInProgressOnly(a: InstanceReport, b: InstanceReport): boolean {
  if (b.progress === null || a.progress?.step !== b.progress.step) return false
  return same({ ...a, progress: null }, { ...b, progress: null })
}
