/**
 * How quick the machine is while something is measured. The cores of a virtual machine may be shared with others whom nothing here shows: the
 * same work then takes up to twice the CPU time, in one minute and not in the next. A thread does a fixed piece of work every few seconds
 * (some 0.5 % of a core), so that figures can be read beside it.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { median } from './figures.ts'

const every_ms = 4000
const text = JSON.stringify(
  Array.from({ length: 500 }, (_, n) => ({ id: `name-${n}`, numbers: [n, n * 2, n * 3.5], more: 'abc'.repeat(n % 9) })),
)

/** CPU time that it took, in ms. */
function work(): number {
  const from = process.threadCpuUsage()
  for (let n = 0; n < 60; n++) JSON.stringify(JSON.parse(text))
  const { user, system } = process.threadCpuUsage(from)
  return (user + system) / 1000
}

export interface Machine {
  /** Median of the CPU time that a piece of work took since this was asked last, in ms; null: none was done since. */
  pace_ms(): number | null
  close(): Promise<void>
}

export function watchMachine(): Machine {
  const worker = new Worker(new URL(import.meta.url))
  worker.unref()
  let taken: number[] = []
  worker.on('message', (ms: number) => taken.push(ms))
  return {
    pace_ms() {
      const seen = taken
      taken = []
      return seen.length > 0 ? median(seen) : null
    },
    async close() {
      await worker.terminate()
    },
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  // What V8 makes of it is done with before it counts.
  for (let n = 0; n < 50; n++) work()
  setInterval(() => port.postMessage(work()), every_ms)
}
