/**
 * How test runs are shown: one line a file as it ends, each failure in full where it happens, each skip with its reason.
 * A reporter of node:test (--test-reporter).
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import type { TestEvent } from 'node:test/reporters'
import { createTally, isLeaf, type Tally } from './tally.ts'

type Result = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>

const folder = process.cwd()

/** Seconds of CPU of this process and of all that it started and has seen end, by proc_pid_stat(5); what went its own way (a daemon) is not in it. */
function cpu_s(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const after_name = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = after_name.slice(11, 15).reduce((sum, each) => sum + Number(each), 0)
  return ticks / ticks_per_s
}

/** USER_HZ, which is 100 on every architecture that Croft runs on. */
const ticks_per_s = 100

function fileLine(file: string, tally: Tally, spent_s: number): string {
  const parts = [`${tally.passed} passed`]
  if (tally.failed) parts.push(`${tally.failed} failed`)
  if (tally.skipped) parts.push(`${tally.skipped} skipped`)
  return `${tally.failed ? 'FAIL' : '  ok'} ${path.relative(folder, file)}  ${parts.join(', ')}  ${Math.round(tally.duration_ms)} ms, ${spent_s.toFixed(1)} s of CPU\n`
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
  let from_s = cpu_s()
  const close = () => {
    const until_s = cpu_s()
    const spent_s = until_s - from_s
    from_s = until_s
    return file === '' || tally.passed + tally.failed + tally.skipped === 0 ? '' : fileLine(file, tally, spent_s)
  }
  for await (const event of source) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') yield event.data.message
    // What failed after its test had ended: no test's failure, and yet the process ends with code 1 for it.
    if (event.type === 'test:diagnostic' && event.data.message.startsWith('Error: ')) yield `${event.data.message}\n`
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
