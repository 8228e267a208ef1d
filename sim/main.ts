/**
 * The simulation as a program. `--seed N` replays one run and tells what happens; `--seeds N` runs many, with `--restored` those
 * in which the database is restored from an older copy, with `--shared` with a pool that hosts share, each with `--trouble S` seconds of faults; without either it is a live
 * playground: `--hosts N` simulated hosts under a real controller, `--instances N` of them filled, with the web UI's plug-ins of the
 * folder `--plugins` and the scheduler's modules of the folder `--scheduler`; with `--once` it ends when all of them run, and says what that
 * took. Up to a hundred of its hosts share a pool, unless `--no-shared` (and more only with `--shared`); lines of standard input cut their power and more (`help`).
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { splitAddress } from '../src/config.ts'
import { portProblem } from '../src/host/ports.ts'
import { VirtualClock } from './clock.ts'
import { Engine } from './database.ts'
import { playground } from './playground.ts'
import { RestoredRun } from './restored.ts'
import { Run } from './run.ts'

const usage = `npm run sim -- …            a whole cloud in one process

  --hosts N --instances N   a playground with so many (3 and none), to be looked at; \`help\` on standard input tells what can be done
  --listen ADDRESS          where its API and web UI are (127.0.0.1:7070)
  --plugins FOLDER          plug-ins of the web UI; --scheduler FOLDER: modules of the scheduler
  --once                    end when all instances run, and say what that took
  --shared, --no-shared     whether hosts share a pool, as highly available instances need (up to 100 hosts do, more only with --shared)

  --seed N                  replay one run and tell what happens; --quiet: only what is violated
  --seeds N [--from N]      run many
  --trouble S               seconds of faults in each (60)
  --restored                of those in which the database is restored from an older copy
`

const options = given({
  allowNegative: true,
  options: {
    help: { type: 'boolean', default: false, short: 'h' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    hosts: { type: 'string' },
    instances: { type: 'string', default: '0' },
    once: { type: 'boolean', default: false },
    listen: { type: 'string', default: '127.0.0.1:7070' },
    plugins: { type: 'string' },
    scheduler: { type: 'string' },
    trouble: { type: 'string', default: '60' },
    restored: { type: 'boolean', default: false },
    shared: { type: 'boolean' },
    quiet: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(usage)
  process.exit(0)
}

/** Ends the program with a sentence for what is no option. */
function given<const T extends ParseArgsConfig>(known: T): ReturnType<typeof parseArgs<T>>['values'] {
  try {
    return parseArgs(known).values
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\n\nnpm run sim -- --help tells what there is.`,
    )
    process.exit(2)
  }
}

/** Ends the program with a sentence for what is no count. */
function countOf(name: string, text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 0 && text.trim() !== '') return count
  console.error(`--${name} takes a whole number from 0 on, not '${text}'`)
  process.exit(2)
}

/** Ends the program with a sentence where it could not listen, before anything takes its time. */
async function mayListen(listen: string): Promise<void> {
  let why: string
  try {
    const problem = await portProblem(splitAddress(listen, '--listen'))
    if (!problem) return
    why = `${listen} ${problem.why}${problem.holder === undefined ? '' : `, by ${problem.holder}`}`
  } catch (error) {
    why = error instanceof Error ? error.message : String(error)
  }
  console.error(`${why}\nName another address with --listen ADDRESS:PORT.`)
  process.exit(2)
}

const trouble_s = Number(options.trouble)
const highly_available = options.shared ?? false
const Kind = options.restored ? RestoredRun : Run

async function replay(seed: string): Promise<boolean> {
  const engine = await Engine.open(new VirtualClock(0))
  const hosts = options.hosts ? { hosts: Number(options.hosts) } : {}
  const result = await new Kind(engine, { seed, trouble_s, highly_available, verbose: !options.quiet, ...hosts }).run()
  console.log(result.violations.length === 0 ? `seed ${seed}: all holds` : `seed ${seed}: violated`)
  for (const one of result.violations) console.log(`  ${one}`)
  return result.violations.length === 0
}

async function many(count: number, from: number): Promise<boolean> {
  const engine = await Engine.open(new VirtualClock(0))
  let bad = 0
  const restarts: Record<string, number> = {}
  for (let seed = from; seed < from + count; seed++) {
    const result = await new Kind(engine, { seed: String(seed), trouble_s, highly_available }).run()
    for (const [what, n] of Object.entries(result.counts))
      if (what.startsWith('restarts')) restarts[what] = (restarts[what] ?? 0) + n
    if (result.violations.length === 0) continue
    bad++
    console.log(`seed ${seed}: ${result.violations.length} violations, first: ${result.violations[0]}`)
  }
  for (const [what, n] of Object.entries(restarts)) console.log(`${n} ${what}`)
  console.log(`${count - bad} of ${count} seeds hold`)
  return bad === 0
}

if (options.seed !== undefined) process.exitCode = (await replay(options.seed)) ? 0 : 1
else if (options.seeds !== undefined)
  process.exitCode = (await many(Number(options.seeds), Number(options.from))) ? 0 : 1
else {
  const { listen, plugins, scheduler, shared, once } = options
  const [hosts, instances] = [countOf('hosts', options.hosts ?? '3'), countOf('instances', options.instances)]
  await mayListen(listen)
  // Its address is told: it is there, and up to date.
  if (!once) {
    const build = join(import.meta.dirname, '../scripts/ui/build.ts')
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', build], { stdio: 'inherit' })
  }
  await playground({ hosts, instances, listen, plugins, scheduler, shared, once })
}
