/**
 * How test runs are shown: one line a file as it ends, each failure in full where it happens, each skip with its reason.
 * A reporter of node:test (--test-reporter).
 */
import path from 'node:path'
import { inspect } from 'node:util'
import type { TestEvent } from 'node:test/reporters'
import { createTally, isLeaf, type Tally } from './tally.ts'

type Result = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>

const folder = process.cwd()

function fileLine(file: string, tally: Tally): string {
  const parts = [`${tally.passed} passed`]
  if (tally.failed) parts.push(`${tally.failed} failed`)
  if (tally.skipped) parts.push(`${tally.skipped} skipped`)
  return `${tally.failed ? 'FAIL' : '  ok'} ${path.relative(folder, file)}  ${parts.join(', ')}  ${Math.round(tally.duration_ms)} ms\n`
}

function failure({ data }: Result): string {
  const { name, file, line, details } = data
  const error = 'error' in details ? details.error : undefined
  // node:test wraps what a test threw.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const where = file ? ` (${path.relative(folder, file)}:${line ?? 0})` : ''
  const text = cause instanceof Error ? inspect(cause, { depth: 6, colors: false }) : String(cause)
  return `\nFAIL ${name}${where}\n${text.replaceAll(/^/gm, '     ')}\n\n`
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let file = ''
  let tally = createTally()
  const close = () => (file === '' || tally.passed + tally.failed + tally.skipped === 0 ? '' : fileLine(file, tally))
  for await (const event of source) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') yield event.data.message
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    if (event.data.file !== undefined && event.data.file !== file) {
      yield close()
      file = event.data.file
      tally = createTally()
    }
    if (!isLeaf(event)) continue
    tally.add(event)
    const { skip, todo, name } = event.data
    if (todo) yield `todo ${name}${typeof todo === 'string' ? `: ${todo}` : ''}\n`
    else if (skip) yield `skip ${name}: ${typeof skip === 'string' ? skip : 'no reason given'}\n`
    else if (event.type === 'test:fail') yield failure(event)
  }
  yield close()
}
