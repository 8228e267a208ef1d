/** From a command's shape to commander's command, and from what commander parsed back to fields. */
import { Argument, type Command, Option } from 'commander'
import { type CommandShape, type Field, placeholder } from './command-shape.ts'
import type { Globals } from './context.ts'
import { examples, examplesText } from './examples.ts'
import { UsageError } from './failure.ts'
import { canBeEmptied, editsMap, keyOf, pluralFlag, type TypedEdit } from './edit.ts'
import { givenTwice } from './given-twice.ts'
import type { Given, Typed } from './run.ts'
import type { Target } from './run-many.ts'

/** What completion needs to know of an option's or a word's values. */
export const fieldOf = new WeakMap<Option | Argument, Field>()

export type Options = Record<string, unknown>

/** Fields that the command line has no use for: pages are read to the end. */
const unused = ['cursor']

const common: readonly [string, string][] = [
  ['--json', 'answer as one JSON document'],
  ['-q, --quiet', 'nothing beside the answer; of things only their ids'],
  ['--no-color', 'no colours'],
  ['--project <name>', 'work in this project'],
  ['--url <url>', 'of the controller'],
  ['--token <token>', 'in place of a sign-in'],
  ['--ca <file>', 'certificates (PEM) to trust for https'],
]

/** Where a command has an option of its own by the same name, that one holds; before the noun it is always Croft's. */
export function addCommonOptions(command: Command): Command {
  for (const [flags, summary] of common) {
    const option = new Option(flags, summary)
    if (!command.options.some(other => other.attributeName() === option.attributeName())) {
      command.addOption(option.helpGroup('Options of every command:'))
      shared.add(option)
    }
  }
  return command
}

const shared = new WeakSet<Option>()

/** The words of a command line that stand for commands, before commander has read it: past what is said with every command. */
export function plainWords(words: readonly string[]): string[] {
  const plain = words.filter((word, at) => !word.startsWith('-') && !takesValue.has(words[at - 1] ?? ''))
  return plain.filter((word, at) => word !== 'help' || at > 1)
}

const takesValue: ReadonlySet<string> = new Set(common.flatMap(([flags]) => /^(\S+) </.exec(flags)?.[1] ?? []))

/** What was said for all commands alike: by options of the command, or before the noun. Throws UsageError for two values. */
export function globalsOf(command: Command, program: Command): Globals {
  const own = command.opts<Options>()
  const before = program.opts<Options>()
  const sharedOption = (name: string) => command.options.find(one => one.attributeName() === name && shared.has(one))
  const said = (name: string) => (sharedOption(name) ? own[name] : undefined) ?? before[name]
  const text = (name: string) => {
    const option = sharedOption(name)
    if (option && own[name] !== undefined && before[name] !== undefined) throw givenTwice(option)
    return said(name) as string | undefined
  }
  return {
    url: text('url'),
    token: text('token'),
    project: text('project'),
    ca: text('ca'),
    json: said('json') === true,
    quiet: said('quiet') === true,
    color: own.color !== false && program.opts<Options>().color !== false,
  }
}

/**
 * Whether the command may be given several things: it has one word, which names the thing that it is about. What takes the
 * place of something whole (PUT), or cannot do without being told more, is of one.
 */
export function takesMany({ route, fields, is_list }: CommandShape): boolean {
  const words = fields.filter(field => field.positional)
  const others = fields.some(field => field.required && !field.positional)
  return words.length === 1 && words[0]?.part === 'params' && !is_list && !others && route.method !== 'PUT'
}

export function addFields(command: Command, shape: CommandShape, many = false): void {
  command.description(describe(shape))
  for (const field of shape.fields) {
    if (unused.includes(field.name)) continue
    if (field.positional) addWord(command, shape, field, many)
    else addOptions(command, shape, field)
  }
  const extra = (flags: string, summary: string) => command.addOption(new Option(flags, summary))
  if (shape.has_operation) extra('--wait', 'wait until it is done; the exit code tells whether it was')
  if (shape.is_list || (shape.verb === 'get' && shape.route.method === 'GET'))
    extra('--watch', 'go on showing it as it changes')
  if (shape.route.errors.includes('changed_meanwhile'))
    extra('--if-version <n>', 'only if it is still at this version (If-Match)')
  command.addHelpText('after', examplesText(examples[`${shape.noun} ${shape.verb}`]))
}

function describe(shape: CommandShape): string {
  const { route } = shape
  const needs = route.needs === null ? '' : `\n\nNeeds the permission ${route.needs} ${whereOf(shape)}`.trimEnd()
  return `${route.summary}.${needs === '' ? '' : `${needs}.`}`
}

function whereOf({ route, fields }: CommandShape): string {
  const { level, within } = route
  const where = {
    project: 'in the project',
    domain: 'in the domain',
    system: 'on the whole system',
    self: '',
    public: '',
  }
  const flags = fields.flatMap(({ name, flag }) => (within?.includes(name) ? [`--${flag}`] : []))
  return flags.length > 0 ? `on the whole system; with ${flags.join(' or ')} in its domain` : where[level]
}

function addWord(command: Command, shape: CommandShape, field: Field, many: boolean): void {
  const word = many ? `${field.flag}...` : field.flag
  const argument = new Argument(
    field.required ? `<${word}>` : `[${word}]`,
    field.noun ? `${field.is_named ? 'name or id' : 'id'}${many ? '; several may be named' : ''}` : field.summary,
  )
  fieldOf.set(argument, field)
  command.addArgument(argument)
  wordsOf.set(shape, [...(wordsOf.get(shape) ?? []), field])
}

const wordsOf = new WeakMap<CommandShape, Field[]>()

function addOptions(command: Command, shape: CommandShape, field: Field): void {
  const { flag, schema, repeated, summary_no } = field
  const many = repeated || field.mapped
  const value = ` <${placeholder(field)}>`
  const changes = field.part === 'body' && ['PATCH', 'PUT'].includes(shape.route.method)
  const times = editsMap(shape, field) ? '(adds or changes this one; may be repeated)' : '(may be repeated)'
  const summary = [field.summary, field.required ? '(required)' : '', many ? times : ''].filter(Boolean).join(' ')
  const add = (flags: string, text: string, hidden = false) => {
    const option = new Option(flags, text)
    if (many) option.argParser(collect)
    if (hidden) option.hideHelp()
    fieldOf.set(option, field)
    command.addOption(option)
  }
  if (schema.type === 'boolean' && !repeated) {
    // Of what is new, only what is not so unless said is worth a line; what is there may be changed either way.
    add(
      `--${flag}`,
      summary || (summary_no ? 'the opposite' : ''),
      summary === '' && summary_no !== undefined && !changes,
    )
    add(`--no-${flag}`, summary_no ?? 'the opposite', summary_no === undefined && !changes)
    return
  }
  add(`--${flag}${value}`, summary)
  if (field.nullable) command.addOption(new Option(`--no-${flag}`, summary_no ?? 'to have none'))
  if (canBeEmptied(shape, field)) addEmptying(command, shape, field)
  const full = field.name.replaceAll('_', '-')
  if (full !== flag && !repeated) add(`--${full}${value}`, '', true)
}

const collect = (one: string, before: readonly unknown[] | boolean | undefined) => [...listOf(before), one]

/** Of an option with a value or without one: undefined, true, or all that was said. */
const listOf = (said: unknown): readonly unknown[] => (said === undefined ? [] : Array.isArray(said) ? said : [said])

/** What takes away from a list or a map. */
const emptiers = new WeakMap<Option, Field>()

function addEmptying(command: Command, shape: CommandShape, field: Field): void {
  const { flag } = field
  const all = pluralFlag(field)
  const add = (flags: string, text: string, hidden = false) => {
    const option = new Option(flags, text)
    if (option.required || option.optional) option.argParser(collect)
    // To commander --no-X is the opposite of --X; here the two may be said together.
    option.negate = false
    if (hidden) option.hideHelp()
    emptiers.set(option, field)
    command.addOption(option)
  }
  if (!editsMap(shape, field)) {
    add(`--no-${all}`, 'to have none')
    if (all !== flag) add(`--no-${flag}`, '', true)
  } else if (all === flag) add(`--no-${flag} [KEY]`, 'takes this one away (may be repeated); without KEY all')
  else {
    add(`--no-${flag} <KEY>`, 'takes this one away (may be repeated)')
    add(`--no-${all}`, `takes all away; with --${flag} it has that alone`)
  }
}

/** What was typed, for each of the things named; each once. Throws UsageError when a field was given in two ways. */
export function targetsOf(command: Command, shape: CommandShape, words: readonly unknown[]): Target[] {
  const [named] = words
  const names = Array.isArray(named) ? [...new Set(named as string[])] : [String(named)]
  return names.map(name => ({ name, given: givenOf(command, shape, [name]) }))
}

/** What was typed, by field. Throws UsageError when a field was given in two ways. */
export function givenOf(command: Command, shape: CommandShape, words: readonly unknown[]): Given {
  const given = new Map<Field, Typed>()
  for (const [at, field] of (wordsOf.get(shape) ?? []).entries()) {
    const word = words[at]
    if (typeof word === 'string') given.set(field, word)
  }
  const options = command.opts<Options>()
  for (const option of command.options) {
    const field = fieldOf.get(option)
    const value = field && options[option.attributeName()]
    if (!field || value === undefined || option.negate) continue
    const before = given.get(field)
    if (before !== undefined && before !== value) throw new UsageError(`--${field.flag} is given twice.`)
    given.set(field, value === false && field.schema.type !== 'boolean' ? null : (value as string))
  }
  for (const field of shape.fields) {
    const takes = command.options.filter(option => emptiers.get(option) === field)
    const away = takes.flatMap(option => listOf(options[option.attributeName()]) as (string | true)[])
    const added = given.get(field) as readonly string[] | undefined
    if (editsMap(shape, field) && (added || away.length > 0)) given.set(field, editOf(field, added ?? [], away))
    else if (away.length > 0 && added) throw new UsageError(`--${field.flag} and --no-${pluralFlag(field)} contradict.`)
    else if (away.length > 0) given.set(field, [])
  }
  return given
}

/** `away`: keys, and true for all. */
function editOf(field: Field, added: readonly string[], away: readonly (string | true)[]): TypedEdit {
  const without = away.filter(one => one !== true).map(key => keyOf(key, field))
  const both = without.find(key => added.some(one => one.startsWith(`${key}=`)))
  if (both !== undefined) throw new UsageError(`--${field.flag} and --no-${field.flag} contradict about "${both}".`)
  return { added, without, from_none: away.includes(true) }
}
