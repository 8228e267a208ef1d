/** Runs a command that was made from a route: fills the request, asks, waits, watches, shows the answer. Knows no noun. */
import { buffer } from 'node:stream/consumers'
import type { Operation } from '../api/operation.ts'
import type { LooseInput } from '../sdk/client.ts'
import { ApiProblem } from '../sdk/errors.ts'
import { type CommandShape, type Field, nounOf } from './command-shape.ts'
import { ask, type Context, idOf } from './context.ts'
import { askEdited, type Edit, edited, isEdit, type TypedEdit } from './edit.ts'
import { hintOptions, UsageError } from './failure.ts'
import { readGiven } from './files.ts'
import { isId } from './lookup.ts'
import { readPassword } from './password-prompt.ts'
import { fieldsOf, showAnswer, showList, tableOf, thingsOf } from './show.ts'
import { toValue, type ValueContext } from './value.ts'
import { faultOf } from './verdict.ts'
import { type Awaited, mustHaveSucceeded, waitForOperations } from './wait.ts'

/** What was typed for a field: text, several texts, yes or no, what is to change of a map; null clears. */
export type Typed = string | readonly string[] | boolean | null | TypedEdit
export type Given = ReadonlyMap<Field, Typed>

export interface Modes {
  wait: boolean
  watch: boolean
  /** If-Match. */
  if_version?: number | undefined
  /** False: the request is filled, checked and given to `prepare`, which makes its own of it. */
  ask?: boolean
}

/** Adds to a request what no rule can know; hand-made commands use it. What it gives tells of what was done besides, once it was. */
export type Prepare = (input: Record<Field['part'], Filled>) => Promise<Told | undefined> | undefined
export type Told = () => Promise<void>
export type Filled = Record<string, unknown>

export async function runCommand(
  context: Context,
  shape: CommandShape,
  given: Given,
  modes: Modes,
  prepare?: Prepare,
): Promise<void> {
  const request = await fillRequest(context, shape, given, modes, prepare)
  if (modes.ask === false) return
  if (shape.is_list) return runList(context, shape, request, modes)
  if (modes.watch) return runWatchOne(context, shape, request)
  return askAndShow(context, shape, { ...request, named: namedIn(given) }, modes)
}

/** What the command is about, as people called it. */
function namedIn(given: Given): Filled {
  return Object.fromEntries([...given].flatMap(([{ part, name }, typed]) => (part === 'params' ? [[name, typed]] : [])))
}

type Request = LooseInput & Record<'params' | 'query', Filled> & { edits?: readonly Edit[]; told?: Told | undefined }

/** What to ask for, checked as far as can be done here; the same request may be asked again without doing more. */
export async function fillRequest(
  context: Context,
  shape: CommandShape,
  given: Given,
  modes: Modes,
  prepare?: Prepare,
): Promise<Request> {
  const { edits, ...input } = await fill(context, shape, given)
  const told = await prepare?.(input)
  mustBeWhole(shape, input, edits)
  return {
    ...input,
    edits,
    told,
    body: shape.route.body && input.body,
    if_match: modes.if_version,
    idempotency_key: crypto.randomUUID(),
  }
}

/** Asks; a refusal that is about a field will tell the option that the field is given by. */
export async function askOnce(context: Context, shape: CommandShape, asked: Request): Promise<unknown> {
  const { edits = [], told: _, ...request } = asked
  try {
    if (edits.length > 0) return (await askEdited(context, shape, request, edits)).body
    return (await ask(context, shape.route, request)).body
  } catch (error) {
    throw byOption(shape, error)
  }
}

/** A list can be asked for wrongly as well. */
async function askForPage(context: Context, shape: CommandShape, asked: LooseInput): Promise<unknown> {
  try {
    return (await ask(context, shape.route, asked)).body
  } catch (error) {
    throw byOption(shape, error)
  }
}

function byOption({ fields }: CommandShape, error: unknown): unknown {
  if (error instanceof ApiProblem) hintOptions(error, fields)
  return error
}

export function operationOf(shape: CommandShape, body: unknown): Operation | undefined {
  return shape.has_operation ? (body as { operation: Operation }).operation : undefined
}

/** Asks, waits if that was asked for, and shows the answer. */
async function askAndShow(
  context: Context,
  shape: CommandShape,
  { named, ...request }: Request & { named: Filled },
  modes: Modes,
): Promise<void> {
  const body = await askOnce(context, shape, request)
  const operation = operationOf(shape, body)
  if (!operation || !modes.wait) {
    showAnswer(context, shape, body, named)
    await request.told?.()
    if (operation?.ended_at === null)
      context.out.note(`Under way. --wait waits for it; or: croft operation get ${operation.id}`)
    const fault = faultOf(shape.route, body)
    if (fault) throw fault
    return
  }
  const ended = await waitForOperations(context, titleOf(shape, body), [awaitedOf(shape, operation, body)])
  // The same request with the same key does nothing again; its answer tells how things stand now.
  showAnswer(context, shape, await askOnce(context, shape, { ...request, wait_s: 1 }), named)
  await mustHaveSucceeded(context, ended)
}

/** Things in an answer beside its operation: one under its noun's name, or several as items. */
const resourcesOf = (shape: CommandShape, body: unknown): { id?: string; name?: string }[] => thingsOf(shape, body)

export function awaitedOf(shape: CommandShape, operation: Operation, body: unknown): Awaited {
  return { operation, resource_ids: resourcesOf(shape, body).flatMap(one => one.id ?? []) }
}

function titleOf(shape: CommandShape, body: unknown): string {
  const { noun, verb } = shape
  const things = resourcesOf(shape, body)
  const [only] = things
  const what = things.length === 1 ? (only?.name ?? noun) : `${things.length} ${noun}s`
  return `${verb.charAt(0).toUpperCase()}${verb.slice(1)} ${what}`
}

type Parts = Record<Field['part'], Filled>

async function fill(context: Context, shape: CommandShape, given: Given): Promise<Parts & { edits: Edit[] }> {
  const input = { params: {} as Filled, query: {} as Filled, body: {} as Filled, edits: [] as Edit[] }
  const values = valueContext(context, shape, given)
  for (const [field, typed] of given) {
    const { part, name } = field
    const value = await valueOf(field, isEdit(typed) ? typed.added : typed, values, input)
    const edit = isEdit(typed) && { name, added: value as Filled, without: typed.without }
    if (edit && !typed.from_none) input.edits.push(edit)
    else input[part][name] = edit ? edited({}, edit) : value
  }
  return input
}

function valueContext(context: Context, { noun, route }: CommandShape, given: Given): ValueContext {
  const action = { route, given: [...given.keys()].map(field => field.name) }
  return {
    lookup: (noun, name) => idOf(context, noun, name, action),
    readFile: async path => (path === '-' ? buffer(process.stdin) : readGiven(path)),
    nounOf: name => nounOf(name, context.nouns, noun),
  }
}

/** '-' asks for it, or takes a line of standard input: a command line is for all to see. */
const isPassword = ({ name }: Field) => /(^|_)password$/.test(name)

async function valueOf(
  field: Field,
  typed: Exclude<Typed, TypedEdit>,
  context: ValueContext,
  input: Parts,
): Promise<unknown> {
  if (typed === null || typeof typed === 'boolean') return typed
  const label = field.positional ? field.flag : `--${field.flag}`
  const noun = field.noun ?? nounBeside(field, input, context)
  const one = (text: string) => toValue(text, field.schema, noun, label, context)
  if (typed === '-' && isPassword(field)) return readPassword(`${label}: `)
  if (typeof typed === 'string') return one(typed)
  const values: unknown[] = []
  for (const text of typed) values.push(await one(text))
  return field.mapped ? Object.assign({}, ...values) : values
}

/** `quota set project web`: which noun an id is of was said in the word before it; or by an option: `--noun host --resource h1`. */
function nounBeside(field: Field, { params, query }: Parts, context: ValueContext): string | undefined {
  if (field.schema.format !== 'uuid') return undefined
  if (field.part === 'query') return typeof query.noun === 'string' ? context.nounOf(query.noun) : undefined
  if (field.part !== 'params') return undefined
  return Object.values(params).flatMap(
    value => (typeof value === 'string' && !isId(value) && context.nounOf(value)) || [],
  )[0]
}

/** Says all that is missing at once. */
function mustBeWhole({ noun, verb, route, fields }: CommandShape, input: Parts, edits: readonly Edit[]): void {
  const missing = fields.filter(field => field.required && input[field.part][field.name] === undefined)
  if (missing.length > 0) {
    const names = missing.map(field => (field.positional ? field.flag.toUpperCase() : `--${field.flag}`))
    throw new UsageError(`${noun} ${verb} needs ${names.join(' and ')}.`, `croft ${noun} ${verb} --help`)
  }
  if (route.method === 'PATCH' && Object.keys(input.body).length + edits.length === 0)
    throw new UsageError('Nothing to change was named.', `croft ${noun} ${verb} --help`)
}

const page_max = 1000

async function runList(
  context: Context,
  shape: CommandShape,
  { params, query }: Record<'params' | 'query', Filled>,
  modes: Modes,
): Promise<void> {
  const shown = asAsked(shape, query)
  const read = () => readAll(context, shape, params, query)
  const of_project = shape.route.query?.properties?.all_projects !== undefined && query.all_projects !== true
  if (!modes.watch) return showList(context, shown, await read(), of_project)
  const { watch, watchEvents } = await import('./watch.ts')
  // Events are what happens, and not things that change.
  if (shape.noun === 'event') return watchEvents(context, query)
  await watch(context, {
    noun: shape.noun,
    resource_id: undefined,
    all_projects: query.all_projects === true,
    read,
    show: items => tableOf(context, shown, items as Filled[]),
  })
}

/** Who asks for what has something in common wants to see what that is. */
function asAsked(shape: CommandShape, query: Filled): CommandShape {
  const { cli } = shape.route
  const columns = Object.entries(cli?.columns_asked ?? {}).find(([filter]) => query[filter] === true)?.[1]
  return columns ? { ...shape, route: { ...shape.route, cli: { ...cli, columns } } } : shape
}

/** Page after page, until the list ends or --limit is reached. */
async function readAll(context: Context, shape: CommandShape, params: Filled, query: Filled): Promise<Filled[]> {
  const paged = shape.route.query?.properties?.limit !== undefined
  const wanted = typeof query.limit === 'number' ? query.limit : Number.POSITIVE_INFINITY
  const items: Filled[] = []
  let cursor: string | null | undefined
  do {
    const limit = Math.min(page_max, wanted - items.length)
    const page = { ...query, ...(paged && { limit }), ...(cursor && { cursor }) }
    const { items: some, next } = (await askForPage(context, shape, { params, query: page })) as {
      items: Filled[]
      next: string | null
    }
    items.push(...some)
    cursor = next
  } while (cursor && items.length < wanted)
  return items
}

async function runWatchOne(context: Context, shape: CommandShape, input: LooseInput): Promise<void> {
  const { watch } = await import('./watch.ts')
  await watch(context, {
    noun: shape.noun,
    resource_id: Object.values(input.params ?? {}).at(-1) as string | undefined,
    all_projects: false,
    read: async () => (await ask(context, shape.route, input)).body,
    show: thing => fieldsOf(context, thing as Filled),
  })
}
