/**
 * Runs the tiers of tests, one after the other or beside all others, each within its own time, and ends with one line: N passed, N failed, N skipped.
 * Ends with code 1 if anything failed, if a tier has no tests, or if a tier did not come to its end.
 *
 *   scripts/test.sh [slow] [check|unit|real|sim|browser|lab ...]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, globSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { ensurePackages } from '../src/host/packages.ts'
import { code_cache } from '../src/host/services/node.ts'
import { scratch } from '../test/support/scratch.ts'
import type { Counts } from './tally.ts'

type Tier = {
  name: string
  limit_ms: number
  test_limit_ms: number
  files?: string
  /**
   * What shares a process. All of a tier is quickest; a process for each folder (several, if it is large) or file keeps one that hangs
   * or crashes from taking the others with it. A number: dealt out over so many.
   */
  together?: 'all' | 'folder' | 'file' | number
  /** So many of its processes at once: for what waits more than it works. Each is shown when it is done. */
  abreast?: number
  /** Files that wait nearly all their time (for leases to end, for a database that is away): one after the other, beside those abreast. */
  waiting?: string[]
  /**
   * Begins with the first and runs beside the others at this niceness, shown when they are done. For what leaves a core at rest most of
   * the time (whole hosts, which wait for guests to boot), and for what a busy machine cannot harm (simulations, with a clock of their own).
   */
  beside?: 0 | 19
}

/** The limits are far beyond what each takes on two quiet cores: they end what hangs, and a busy machine is no failure. */
const tiers: Tier[] = [
  { name: 'check', limit_ms: 240_000, test_limit_ms: 0 },
  { name: 'unit', limit_ms: 180_000, test_limit_ms: 60_000, files: 'test/unit/**/*.test.ts', together: 'all' },
  {
    name: 'real',
    limit_ms: 900_000,
    test_limit_ms: 180_000,
    files: 'test/real/**/*.test.ts',
    together: 'folder',
    abreast: 3,
    waiting: ['availability', 'dead-database', 'guest-watchdog', 'ha-restart', 'image-takeover'].map(
      name => `test/real/**/${name}.test.ts`,
    ),
  },
  {
    name: 'browser',
    limit_ms: 900_000,
    test_limit_ms: 300_000,
    files: 'test/browser/**/*.test.ts',
    together: 6,
    abreast: 3,
  },
  {
    name: 'lab',
    limit_ms: 1_200_000,
    test_limit_ms: 600_000,
    files: 'test/lab/**/*.test.ts',
    together: 'file',
    beside: 0,
  },
  {
    name: 'sim',
    limit_ms: 1_800_000,
    test_limit_ms: 1_790_000,
    files: 'test/sim/**/*.test.ts',
    together: 'all',
    beside: 19,
  },
]
const slow: Tier = {
  name: 'slow',
  limit_ms: 7_200_000,
  test_limit_ms: 3_600_000,
  files: 'test/slow/**/*.test.ts',
  together: 'file',
}

/** In one process, of those that share theirs by folder. */
const files_max = 30

const root = path.join(import.meta.dirname, '..')
const folder = await scratch('croft-test')

type Outcome = { code: number | null; late: boolean }

/** `output`: where what it says goes, ours or an open file. */
type Way = { output?: 'inherit' | number; niceness?: number }

const running = new Set<ChildProcess>()

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    for (const child of running) killGroup(child)
    process.exit(code)
  })
}

/** Linux weighs sessions against each other before it looks at niceness within one (sched(7), autogroup). */
function yieldTo(session: number, niceness: number): void {
  try {
    writeFileSync(`/proc/${session}/autogroup`, String(niceness))
  } catch {
    // Not in this kernel, or not permitted: then it is only less polite.
  }
}

/** Runs in a process group of its own, so that a tier out of time goes whole, and only it. */
function runWhole(argv: string[], limit_ms: number, { output = 'inherit', niceness = 0 }: Way = {}): Promise<Outcome> {
  const [program = '', ...args] = niceness > 0 ? ['nice', '-n', String(niceness), ...argv] : argv
  const env = { ...process.env, NODE_COMPILE_CACHE: code_cache }
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', output, output], detached: true })
  running.add(child)
  if (child.pid !== undefined && niceness > 0) yieldTo(child.pid, niceness)
  let late = false
  const timer = setTimeout(() => {
    late = true
    killGroup(child)
  }, limit_ms)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code => {
      clearTimeout(timer)
      running.delete(child)
      resolve({ code, late })
    })
  })
}

type Group = { title: string; files: string[]; limit_ms: number; test_limit_ms: number }

/** Runs tests in one process. What keeps it from its end counts as one more failure. */
async function runGroup({ title, files, limit_ms, test_limit_ms }: Group, way: Way): Promise<Counts> {
  const counted = path.join(folder, `${title.replaceAll('/', '-')}.json`)
  const reporters = [
    ['reporter.ts', 'stdout'],
    ['tally.ts', counted],
  ].flatMap(([reporter, to]) => [`--test-reporter=./scripts/${reporter}`, `--test-reporter-destination=${to}`])
  const limits = [`--test-timeout=${test_limit_ms}`, '--test-force-exit']
  const flags = ['--disable-warning=ExperimentalWarning', '--test', '--test-isolation=none', ...limits, ...reporters]
  const { code, late } = await runWhole([process.execPath, ...flags, ...files], limit_ms, way)
  let counts: Counts | undefined
  try {
    counts = JSON.parse(readFileSync(counted, 'utf8')) as Counts
  } catch {
    // Killed or crashed before it could count.
  }
  const fails = (why: string): Counts => {
    say(way, `FAIL ${title} ${why}`)
    return { passed: counts?.passed ?? 0, failed: (counts?.failed ?? 0) + 1, skipped: counts?.skipped ?? 0 }
  }
  if (late) return fails('was not done in time')
  if (!counts) return fails(`ended with code ${code} before its tests did`)
  if (code !== 0 && counts.failed === 0) return fails(`ended with code ${code}`)
  if (counts.passed + counts.failed + counts.skipped === 0) return fails('ran no test')
  return counts
}

function groupsOf(tier: Tier, files: readonly string[]): [string, string[]][] {
  const { together } = tier
  const key = (file: string, n: number) => {
    if (typeof together === 'number') return `${tier.name} ${(n % together) + 1} of ${together}`
    if (together === 'file') return file
    return together === 'folder' ? path.dirname(file) : tier.name
  }
  const groups = Object.entries(Object.groupBy(files, key)).map(([title, group]): [string, string[]] => [
    title,
    group ?? [],
  ])
  return together === 'folder' ? groups.flatMap(([title, group]) => inParts(title, group)) : groups
}

/** A folder of many files, dealt out over several processes: one alone would be the last to end, with nothing beside it. */
function inParts(title: string, files: readonly string[]): [string, string[]][] {
  const parts = Math.ceil(files.length / files_max)
  const part = (n: number): [string, string[]] => [
    `${title} ${n + 1} of ${parts}`,
    files.filter((_, at) => at % parts === n),
  ]
  return parts === 1 ? [[title, [...files]]] : Array.from({ length: parts }, (_, n) => part(n))
}

async function runTests(tier: Tier & { files: string }, way: Way): Promise<Counts> {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  const files = globSync(tier.files, { cwd: root }).sort()
  if (files.length === 0) {
    say(way, `FAIL no tests in ${tier.files}: an empty tier proves nothing`)
    return { ...total, failed: 1 }
  }
  const deadline = performance.now() + tier.limit_ms
  const abreast = tier.abreast ?? 1
  const calm = globSync(tier.waiting ?? [], { cwd: root }).sort()
  const groups = groupsOf(
    tier,
    files.filter(file => !calm.includes(file)),
  ).values()
  /** Lanes share what is to be run: each takes the next when it is done with one. */
  async function lane(groups: Iterable<[string, string[]]>): Promise<void> {
    for (const [title, group] of groups) {
      const left_ms = deadline - performance.now()
      if (left_ms < 1000) {
        say(way, `FAIL ${title} was not run: the tier ${tier.name} has ${tier.limit_ms / 1000} s, and they are over`)
        total.failed++
        continue
      }
      const run = (way: Way) =>
        runGroup({ title, files: group, limit_ms: left_ms, test_limit_ms: tier.test_limit_ms }, way)
      add(total, await (abreast > 1 ? shownAtEnd(title, way, run) : run(way)))
    }
  }
  if (calm.length < (tier.waiting?.length ?? 0)) {
    say(way, `FAIL of the files that wait some are not there, or have other names: ${tier.waiting?.join(' ')}`)
    total.failed++
  }
  const beside: [string, string[]][] = calm.length > 0 ? [[`${tier.name} that waits`, calm]] : []
  await Promise.all([...Array.from({ length: abreast }, () => lane(groups)), lane(beside)])
  return total
}

/** Keeps what it says until it is done, so that what runs abreast is not mixed. */
async function shownAtEnd<T>(title: string, way: Way, run: (way: Way) => Promise<T>): Promise<T> {
  const file = path.join(folder, `${title.replaceAll('/', '-')}.log`)
  const output = openSync(file, 'a')
  try {
    return await run({ ...way, output })
  } finally {
    closeSync(output)
    say(way, readFileSync(file, 'utf8').trimEnd())
  }
}

function say({ output }: Way, line: string): void {
  if (typeof output === 'number') writeSync(output, `${line}\n`)
  else console.log(line)
}

function add(total: Counts, counts: Counts): void {
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key]
}

async function runCheck(tier: Tier, way: Way): Promise<Counts> {
  const { code, late } = await runWhole(['sh', 'scripts/check.sh'], tier.limit_ms, way)
  if (code === 0) return { passed: 1, failed: 0, skipped: 0 }
  const why = late ? `the checks took more than ${tier.limit_ms / 1000} s` : 'types, lint, format or dead code'
  say(way, `FAIL ${why}`)
  return { passed: 0, failed: 1, skipped: 0 }
}

async function runTier(tier: Tier, way: Way = {}): Promise<Counts> {
  const from = performance.now()
  say(way, `— ${tier.name}`)
  const counts =
    tier.files === undefined ? await runCheck(tier, way) : await runTests({ ...tier, files: tier.files }, way)
  const took_s = (performance.now() - from) / 1000
  say(way, `— ${tier.name}: ${counts.failed ? 'FAILED' : 'ok'} in ${took_s.toFixed(1)} s\n`)
  return counts
}

/** Begins a tier at once; keeps what it says until all others are done and its own end is awaited. */
function runBeside(tier: Tier): () => Promise<Counts> {
  const ended = Promise.withResolvers<void>()
  const done = shownAtEnd(`tier ${tier.name}`, {}, async way => {
    const counts = await runTier(tier, { ...way, niceness: tier.beside ?? 0 })
    await ended.promise
    return counts
  })
  return () => {
    ended.resolve()
    return done
  }
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2)
  const names = asked.filter(name => name !== 'slow')
  const unknown = names.filter(name => !tiers.some(tier => tier.name === name))
  if (unknown.length > 0) {
    console.error(`there is no tier ${unknown.join(', ')}; there are: ${tiers.map(tier => tier.name).join(', ')}, slow`)
    process.exitCode = 2
    return
  }
  await ensurePackages(['controller', 'host', 'image', 'test'], line => console.log(line))
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  const chosen = tiers.filter(tier => names.length === 0 || names.includes(tier.name))
  const beside = chosen.filter(tier => tier.beside !== undefined).map(runBeside)
  for (const tier of chosen) if (tier.beside === undefined) add(total, await runTier(tier))
  for (const ended of beside) add(total, await ended())
  if (asked.includes('slow')) add(total, await runTier(slow))
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
}

await main()
