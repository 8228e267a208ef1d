/**
 * `npm run bench [-- --only PREFIX …] [--long] [--list] [--verbose] [--profile] [--statements] [--share N]`: one figure a line: name, value, unit.
 * Each other file of this folder that exports `figures` is a group of them; docs/bench.md says what they mean.
 */
import { mkdir } from 'node:fs/promises'
import { ensurePackages } from '../src/host/packages.ts'
import { BadUsage, type BenchGroup, type FigureSpec, line, parseCommandLine, selectFigures } from './figures.ts'
import { groups } from './groups.ts'
import { watchMachine } from './machine.ts'

async function main(): Promise<number> {
  const asked = parseCommandLine(process.argv.slice(2))
  const loaded: BenchGroup[] = []
  for (const load of groups) loaded.push(await load())
  const specs = new Map<string, FigureSpec>(loaded.flatMap(group => group.figures.map(spec => [spec.name, spec])))
  const wanted = selectFigures([...specs.values()], asked.only, asked.long || asked.list)
  if (asked.list) {
    for (const spec of specs.values()) if (wanted.has(spec.name)) console.log(listLine(spec))
    return 0
  }
  if (asked.profile) await mkdir(asked.profile_dir, { recursive: true })
  const machine = asked.verbose ? watchMachine() : null
  const note = (text: string) => asked.verbose && console.error(text)
  let failed = 0
  for (const group of loaded) {
    const mine = group.figures.filter(spec => wanted.has(spec.name))
    if (mine.length === 0) continue
    const missing = new Set(mine.map(spec => spec.name))
    try {
      if (group.packages_of) await ensurePackages(group.packages_of, text => console.error(`# ${text}`))
      await group.run({
        wants: asked_for =>
          mine.some(({ name }) => (asked_for.endsWith('.') ? name.startsWith(asked_for) : name === asked_for)),
        note,
        profile_dir: asked.profile ? asked.profile_dir : null,
        statements: asked.statements,
        share: asked.share,
        report: ({ name, value }) => {
          const spec = specs.get(name)
          if (!spec) throw new Error(`no group lists the figure ${name}`)
          missing.delete(name)
          if (!wanted.has(name)) return
          console.log(line(spec, value))
          const pace_ms = machine?.pace_ms()
          if (pace_ms)
            note(`# ${name}: the machine: ${pace_ms.toFixed(1)} ms of CPU for a fixed piece of work meanwhile`)
        },
      })
    } catch (error) {
      console.error(`the figures ${[...missing].join(', ')} could not be had:`, error)
    }
    failed += missing.size
  }
  await machine?.close()
  return failed > 0 ? 1 : 0
}

function listLine({ name, unit, target, better, long }: FigureSpec): string {
  const goal = target === undefined ? 'no target' : `${better === 'more' ? 'at least' : 'at most'} ${target}`
  return `${name}  ${unit}  ${goal}${long ? '  (--long)' : ''}`
}

try {
  process.exit(await main())
} catch (error) {
  if (!(error instanceof BadUsage)) throw error
  console.error(error.message)
  process.exit(2)
}
