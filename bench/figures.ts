/** What a figure is, and which of them a command line asks for. Pure: nothing here runs anything. */
import { parseArgs } from 'node:util'
import type { Role } from '../src/host/packages.ts'

export interface FigureSpec {
  readonly name: string
  readonly unit: string
  /** What it is to reach: at least this for a rate, at most this for everything else; none for figures that only inform. */
  readonly target?: number
  readonly better: 'more' | 'less'
  /** Takes many minutes: left out without --long, unless it is asked for by its whole name. */
  readonly long?: boolean
}

export interface Figure {
  readonly name: string
  readonly value: number
}

export interface BenchContext {
  /** Whether this figure is asked for; of a name that ends in a dot, whether any that begins so is. */
  wants(name: string): boolean
  /** Under --verbose: what explains a figure, on standard error. */
  note(line: string): void
  /** Where CPU profiles go, when they are asked for. */
  readonly profile_dir: string | null
  /** Whether PostgreSQL is to count its statements. */
  readonly statements: boolean
  /** Of the hosts and instances of the large cloud: 1 for the figures, less to try something. */
  readonly share: number
  /** A measurement is done: it is printed at once. */
  report(figure: Figure): void
}

/** What each file of this folder exports. */
export interface BenchGroup {
  readonly figures: readonly FigureSpec[]
  /** Whose Debian packages it needs; none: nothing but what npm brings. */
  readonly packages_of?: readonly Role[]
  run(context: BenchContext): Promise<void>
}

export interface Asked {
  readonly only: readonly string[]
  readonly list: boolean
  readonly long: boolean
  readonly verbose: boolean
  readonly profile: boolean
  readonly profile_dir: string
  readonly statements: boolean
  readonly share: number
}

export class BadUsage extends Error {}

export function parseCommandLine(argv: readonly string[]): Asked {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        only: { type: 'string', multiple: true, default: [] },
        list: { type: 'boolean', default: false },
        long: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        'profile-dir': { type: 'string', default: 'profiles' },
        statements: { type: 'boolean', default: false },
        share: { type: 'string', default: '1' },
      },
    })
    const { only, list, long, verbose, profile, statements } = values
    const share = Number(values.share)
    if (!(share > 0 && share <= 1))
      throw new BadUsage(`--share takes a number over 0 and up to 1, not '${values.share}'`)
    return { only, list, long, verbose, profile, profile_dir: values['profile-dir'], statements, share }
  } catch (error) {
    if (error instanceof BadUsage) throw error
    throw new BadUsage(error instanceof Error ? error.message : String(error))
  }
}

/**
 * Names of the figures that the prefixes ask for; all of them without any. A whole name asks for that one alone, though
 * others may begin with it. Long ones only with `long`, or by their whole name. Throws BadUsage for a prefix that no name
 * begins with.
 */
export function selectFigures(
  specs: readonly Pick<FigureSpec, 'name' | 'long'>[],
  prefixes: readonly string[],
  long: boolean,
): Set<string> {
  const names = specs.map(({ name }) => name)
  const unknown = prefixes.find(prefix => !names.some(name => name.startsWith(prefix)))
  if (unknown !== undefined) {
    throw new BadUsage(`no figure begins with '${unknown}'; there are:\n  ${names.join('\n  ')}`)
  }
  const asks = (prefix: string, name: string) => (names.includes(prefix) ? name === prefix : name.startsWith(prefix))
  const asked = names.filter(name => prefixes.length === 0 || prefixes.some(prefix => asks(prefix, name)))
  const too_long = new Set(specs.filter(spec => spec.long && !long).map(({ name }) => name))
  return new Set(asked.filter(name => !too_long.has(name) || prefixes.includes(name)))
}

/** As printed: name, value, unit; four digits say all that a measurement can. */
export function line(spec: FigureSpec, value: number): string {
  return `${spec.name} ${Number(value.toPrecision(4))} ${spec.unit}`
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Of a sorted or unsorted list: the value that `share` of them do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
