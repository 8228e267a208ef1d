/**
 * `croft __complete AT WORD…`: what fits where the cursor is, a line each. Commands and options come from the program itself,
 * names from the API, asked briefly. Whatever fails, it says nothing: a completion must not disturb who types.
 */
import type { Argument, Command, Option } from 'commander'
import type { Route } from '../api/route.ts'
import type { ClientEnvironment } from '../client-environment.ts'
import { fieldOf } from './build-command.ts'
import type { Field } from './command-shape.ts'
import { connect } from './connect.ts'
import { naturalKey, type Nouns } from './contract.ts'
import { buildProgram } from './program.ts'

const answer_within_ms = 1500
const names_max = 200

/** `words`: the cursor's place, counted from 0 for the program itself, then the line's words up to there and beyond. */
export async function complete(
  [at, ...line]: readonly string[],
  nouns: Nouns,
  env: ClientEnvironment,
): Promise<number> {
  const before = line.slice(1, Number(at))
  const current = line[Number(at)] ?? ''
  const program = await buildProgram(before, nouns, env)
  const found = await candidates(program, before, current, { nouns, env }).catch((): string[] => [])
  const fitting = found.filter(one => one.startsWith(current))
  process.stdout.write(fitting.map(one => `${one}\n`).join(''))
  return 0
}

interface Shop {
  nouns: Nouns
  env: ClientEnvironment
}

async function candidates(program: Command, before: readonly string[], current: string, shop: Shop): Promise<string[]> {
  const { command, words, pending } = walk(program, before)
  const at: At = { verb: command.name(), words }
  if (pending) return valuesOf(pending, at, shop)
  if (current.startsWith('-')) {
    return command.options.filter(option => !option.hidden).flatMap(option => option.long ?? [])
  }
  if (command.commands.length > 0) return command.commands.map(one => one.name())
  const argument = command.registeredArguments[Math.min(words.length, command.registeredArguments.length - 1)]
  if (!argument || (words.length >= command.registeredArguments.length && !argument.variadic)) return []
  return argument.argChoices ? [...argument.argChoices] : valuesOf(argument, at, shop)
}

/** Follows the words from command to command; `pending` is an option that still wants its value. */
function walk(program: Command, before: readonly string[]): { command: Command; words: string[]; pending?: Option } {
  let command = program
  const words: string[] = []
  let pending: Option | undefined
  for (const word of before) {
    if (pending) {
      pending = undefined
    } else if (word.startsWith('-')) {
      const option = command.options.find(one => one.long === word || one.short === word)
      if (option?.required) pending = option
    } else {
      const next = command.commands.find(one => one.name() === word)
      if (next) command = next
      else words.push(word)
    }
  }
  return pending ? { command, words, pending } : { command, words }
}

/** The command, and the words that it has been given so far. */
interface At {
  verb: string
  words: readonly string[]
}

async function valuesOf(wanted: Option | Argument, at: At, shop: Shop): Promise<string[]> {
  const field = fieldOf.get(wanted)
  const noun = field
    ? (field.noun ?? ownNoun(field, shop.nouns) ?? nounInside(field, shop.nouns))
    : nounByName(wanted, shop.nouns)
  if (noun) return namesOf(noun, field?.positional === true ? left[`${noun} ${at.verb}`] : undefined, shop)
  if (field?.name === 'value' && field.positional) return valuesOfSetting(at.words[0], shop)
  return (field?.schema.enum ?? []).map(String)
}

/** Of what a verb is for: those that it can still be done with. */
const left: Readonly<Record<string, Query>> = {
  'migration cancel': { open: true },
  'operation cancel': { open: true },
  'host-registration approve': { state: 'pending' },
  'host-registration reject': { state: 'pending' },
}
type Query = Readonly<Record<string, unknown>>

/** `setting set NAME`: what it takes, where that are words. */
async function valuesOfSetting(setting: string | undefined, { nouns, env }: Shop): Promise<string[]> {
  const get = nouns.setting?.get
  if (!get || setting === undefined) return []
  const client = await connect(env, {}, nouns)
  const signal = AbortSignal.timeout(answer_within_ms)
  const { body } = await client.askLoosely(get as unknown as Route, { params: { setting }, signal })
  const { expected } = body as { expected: { type?: string; enum?: readonly unknown[] } }
  return (expected.type === 'boolean' ? [true, false] : (expected.enum ?? [])).map(String)
}

/** `setting get NAME`: what has no ids is named in the path by what it is called. */
const ownNoun = ({ part, flag }: Field, nouns: Nouns) => (part === 'params' && nouns[flag]?.list ? flag : undefined)

/** `--network default` fills an object whose one required field is an id. */
function nounInside(field: Field, nouns: Nouns): string | undefined {
  const required = field.schema.required ?? []
  const noun = required[0]?.replace(/_id$/, '').replaceAll('_', '-') ?? ''
  return required.length === 1 && nouns[noun] ? noun : undefined
}

/** Words and options of hand-made commands are called like the noun they take: <instance>, --project. */
function nounByName(wanted: Option | Argument, nouns: Nouns): string | undefined {
  const name = wanted.name().replace(/^group$/, 'security-group')
  return nouns[name] ? name : undefined
}

async function namesOf(noun: string, asked: Query | undefined, { nouns, env }: Shop): Promise<string[]> {
  const list = nouns[noun]?.list
  if (!list) return []
  const client = await connect(env, {}, nouns)
  const signal = AbortSignal.timeout(answer_within_ms)
  const limit = list.query?.properties?.limit ? { limit: names_max } : {}
  const { body } = await client.askLoosely(list as unknown as Route, { query: { ...limit, ...asked }, signal })
  const key = naturalKey(list) ?? 'id'
  return (body as { items: Record<string, unknown>[] }).items.flatMap(item => {
    const value = item[key] ?? item.name
    return typeof value === 'string' ? [value] : []
  })
}
