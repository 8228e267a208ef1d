/** How a command fails: what it says on standard error, and the exit code that a script can tell failures apart by. */
import type { OperationTarget } from '../api/operation.ts'
import { errorTable } from '../model/errors.ts'
import { placeOf } from '../model/shape-words.ts'
import { ApiProblem, ConnectionFailed } from '../sdk/errors.ts'
import { type Field, placeholder } from './command-shape.ts'

/** Documented in docs/cli.md; never renumbered. */
export const exit_codes = {
  ok: 0,
  failed: 1,
  usage: 2,
  not_signed_in: 3,
  not_found: 4,
  not_permitted: 5,
  conflict: 6,
  unreachable: 7,
  interrupted: 130,
} as const
export type ExitCode = (typeof exit_codes)[keyof typeof exit_codes]

/** A command that ends badly for a reason that the CLI itself knows. `hint` says what to do. */
export class CommandFailed extends Error {
  readonly code: ExitCode
  readonly hint: string | undefined
  constructor(code: keyof typeof exit_codes, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandFailed'
    this.code = exit_codes[code]
    this.hint = hint
  }
}

/** What was typed cannot be understood. */
export class UsageError extends CommandFailed {
  constructor(message: string, hint?: string) {
    super('usage', message, hint)
    this.name = 'UsageError'
  }
}

/** Of several things named in one command some could not be done; the message has a line for each. */
export class TargetsFailed extends CommandFailed {
  constructor(message: string, code: ExitCode) {
    const names = Object.keys(exit_codes) as (keyof typeof exit_codes)[]
    super(names.find(name => exit_codes[name] === code) ?? 'failed', message)
    this.name = 'TargetsFailed'
  }
}

/** Operations that were waited for have not succeeded; `targets` are the things that they failed for, where there are several. */
export class OperationsFailed extends CommandFailed {
  readonly targets: readonly OperationTarget[]
  constructor(message: string, hint: string | undefined, targets: readonly OperationTarget[]) {
    super('failed', message, hint)
    this.name = 'OperationsFailed'
    this.targets = targets
  }
}

/** What a refused field is called on the command line. */
const optionHints = new WeakMap<ApiProblem, string>()
/** The faults in the command line's words, where all of them are about what was given there. */
const optionFaults = new WeakMap<ApiProblem, readonly string[]>()

/**
 * Notes which options a refusal is about. The API names fields: in `field`, or in `faults` as JSON pointers (RFC 6901); only
 * the command line knows what it calls them.
 */
export function hintOptions(problem: ApiProblem, fields: readonly Field[]): void {
  const { field, faults } = problem.document
  const wrong = Array.isArray(faults) ? (faults as { at?: unknown; problem?: unknown }[]) : []
  const named = wrong.length > 0 ? wrong.map(({ at }) => String(at).split('/')[1]) : [field]
  const told = wrong.flatMap(({ at, problem: why }) => {
    const [, name, ...inside] = String(at).split('/')
    const one = fields.find(each => each.name === name)
    // Of a list the number of what is wrong says nothing to who gave it by options.
    const part = inside.filter(word => !/^\d+$/.test(word)).map(word => ` ${word}`)
    return one ? [`${one.positional ? one.flag.toUpperCase() : `--${one.flag}`}${part.join('')} ${String(why)}.`] : []
  })
  if (told.length > 0 && told.length === wrong.length) optionFaults.set(problem, [...new Set(told)])
  const options = fields
    .filter(({ name, flag, positional }) => named.includes(name) && (positional || name !== flag))
    .map(one => (one.positional ? `the word ${one.flag.toUpperCase()}` : `--${one.flag} ${placeholder(one)}`))
  if (options.length > 0) optionHints.set(problem, `On the command line: ${options.join(', ')}`)
}

function codeOfStatus(status: number): ExitCode {
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return exit_codes.usage
    case 401:
      return exit_codes.not_signed_in
    case 403:
      return exit_codes.not_permitted
    case 404:
      return exit_codes.not_found
    case 409:
    case 412:
      return exit_codes.conflict
    case 429:
    case 503:
      return exit_codes.unreachable
    default:
      return exit_codes.failed
  }
}

/** These errors of other parts speak to people, too: what they say is enough. */
const plain_errors = ['HostError', 'ProgramError', 'BuildError', 'JoinFailed']

const ownCodes = new WeakMap<object, number>()

/** A failure of a command that otherwise ends with somebody else's code: apart from all of those. */
export function endsWith(error: unknown, code: number): unknown {
  if (typeof error === 'object' && error !== null) ownCodes.set(error, code)
  return error
}

export function exitCodeOf(error: unknown): ExitCode {
  const own = typeof error === 'object' && error !== null ? ownCodes.get(error) : undefined
  if (own !== undefined) return own as ExitCode
  if (error instanceof CommandFailed) return error.code
  if (error instanceof ApiProblem) return codeOfStatus(error.status)
  if (error instanceof ConnectionFailed) return exit_codes.unreachable
  return exit_codes.failed
}

const nothing_there = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND']
const start_hint =
  "Is that the right --url (or CROFT_URL)? On the controller's machine, root starts it again with croft start; croft up makes a new cloud."

/** Where the command has its URL from, when nobody gave one: the file of a sign-in. */
let keptPlace: { url: string; file: string } | undefined

/** Notes it for what cannot be reached there; undefined: it was given, or is this machine's own. */
export function noteKeptPlace(place: typeof keptPlace): void {
  keptPlace = place
}

function unreachableHint({ url }: ConnectionFailed): string {
  if (!keptPlace || URL.parse(url)?.origin !== URL.parse(keptPlace.url)?.origin) return start_hint
  return `That URL is from the sign-in kept in ${keptPlace.file}: is that cloud gone, croft sign-out forgets it; --url (or CROFT_URL) names another. On the controller's machine, root starts it again with croft start.`
}

/** Words of another part as a sentence of its own. A URL, a path or the name of a setting at its beginning stays as it is. */
export function asSentence(words: string): string {
  const begun = /^\p{Ll}+(?=[\s,']|$)/u.test(words) ? `${words.charAt(0).toUpperCase()}${words.slice(1)}` : words
  return `${begun.replace(/\.$/, '')}.`
}

/** A failure as a person reads it. */
export function describeFailure(error: unknown): string {
  if (error instanceof ApiProblem) {
    const hint = optionHints.get(error)
    const told = optionFaults.get(error)
    if (told) return `croft: ${told.join('\n  ')}\n`
    return `croft: ${error.message}\n${faultsOf(error)}${hint === undefined ? '' : `  ${hint}\n`}`
  }
  if (error instanceof CommandFailed) return `croft: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`
  if (!(error instanceof Error)) return `croft: ${String(error)}\n`
  if (error instanceof ConnectionFailed) {
    const mend = nothing_there.includes(error.code) ? `  ${unreachableHint(error)}\n` : ''
    return `croft: ${error.message}\n${mend}`
  }
  const mend = 'mend' in error && typeof error.mend === 'string' ? `  ${error.mend}\n` : ''
  const named = plain_errors.includes(error.name) || plain_errors.includes(error.constructor.name)
  // Something that nobody foresaw: where it happened helps whoever is told.
  return named ? `croft: ${error.message}\n${mend}` : `croft: ${error.stack ?? error.message}\n`
}

/** The same for a program: on standard error, so that standard output holds answers only. */
export function failureDocument(error: unknown): Record<string, unknown> {
  const exit_code = exitCodeOf(error)
  if (error instanceof ApiProblem) {
    const { type, title, status, detail, code } = error
    return { type, title, status, detail, code, ...error.document, exit_code }
  }
  const detail = error instanceof Error ? error.message : String(error)
  const [code, title] = ownProblems[exit_code] ?? ownProblems[exit_codes.failed]
  const hint = error instanceof CommandFailed && error.hint !== undefined && { hint: error.hint }
  const targets = error instanceof OperationsFailed && error.targets.length > 0 && { targets: error.targets }
  return { type: 'about:blank', title, detail, code, exit_code, ...hint, ...targets }
}

/** What the CLI itself finds, by exit code: the API's own code and title where it has one for that. */
const ownProblems: Readonly<Record<number, readonly [string, string]>> & { 1: readonly [string, string] } = {
  1: ['failed', 'It failed'],
  2: ['usage', 'The command line is wrong'],
  3: ['not_signed_in', errorTable.not_signed_in.title],
  4: ['not_found', errorTable.not_found.title],
  5: ['forbidden', errorTable.forbidden.title],
  6: ['conflict', errorTable.conflict.title],
  7: ['unreachable', 'No answer'],
  130: ['interrupted', 'Interrupted'],
}

function faultsOf(error: ApiProblem): string {
  const { faults } = error.document
  if (!Array.isArray(faults) || faults.length < 2) return ''
  return (faults as { at?: unknown; problem?: unknown }[])
    .map(fault => `  ${placeOf(String(fault.at))} ${String(fault.problem)}\n`)
    .join('')
}
