/**
 * Counts tests for scripts/test.ts: a reporter of node:test whose only output, at the end, is one line of JSON. Its absence
 * means that the run did not come to its end.
 */
import type { TestEvent } from 'node:test/reporters'

type Result = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>

export type Counts = { passed: number; failed: number; skipped: number }

export type Tally = Counts & { duration_ms: number; add(event: Result): void }

export function createTally(): Tally {
  return {
    passed: 0,
    failed: 0,
    skipped: 0,
    duration_ms: 0,
    add({ type, data }) {
      // A test that is to be done counts as skipped, whatever it did.
      if ((data.skip ?? false) !== false || (data.todo ?? false) !== false) this.skipped++
      else if (type === 'test:pass') this.passed++
      else this.failed++
      this.duration_ms += data.details.duration_ms
    },
  }
}

/** A test and not a suite or a file; a suite that fails in a hook of its own counts, or the failure would be lost. */
export function isLeaf({ type, data }: Result): boolean {
  if (data.details.type !== 'suite') return true
  if (type !== 'test:fail') return false
  const { error } = data.details
  return !(error instanceof Error && 'failureType' in error && error.failureType === 'subtestsFailed')
}

export default async function* tally(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const all = createTally()
  for await (const event of source)
    if ((event.type === 'test:pass' || event.type === 'test:fail') && isLeaf(event)) all.add(event)
  const { passed, failed, skipped } = all
  yield `${JSON.stringify({ passed, failed, skipped } satisfies Counts)}\n`
}
