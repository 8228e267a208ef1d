/** Shows an answer: as JSON, as bare ids, or for people, by what the answer is made of. Knows no noun. */
import type { CommandShape } from './command-shape.ts'
import type { Context } from './context.ts'
import { renderFields } from './fields.ts'
import { isId } from './lookup.ts'
import { nounText } from './noun-text.ts'
import { type Look, type Row, renderTable } from './table.ts'

function lookOf({ out }: Context): Look {
  return { width: out.width, color: out.color, now_ms: Date.now() }
}

/** Columns of the command's own, as for the history of a setting; else those of the noun's list, which do for its things elsewhere, too. */
function columnsOf({ nouns }: Context, { noun, route }: Shown, rows: readonly Row[]): readonly string[] {
  return route.cli?.columns ?? nouns[noun]?.list?.cli?.columns ?? Object.keys(rows[0] ?? {}).slice(0, 8)
}

type Shown = Pick<CommandShape, 'noun' | 'route'>

export function tableOf(context: Context, shape: Shown, rows: readonly Row[]): string {
  const { noun } = shape
  const columns = columnsOf(context, shape, rows)
  if (rows.length > 0) return renderTable(...byName(columns, rows), lookOf(context))
  return context.out.width === undefined ? '' : `No ${nounText(noun)}s.\n`
}

/** A column of ids that rows have names for tells these; the id of what has none. An older controller gives no names. */
export function byName(columns: readonly string[], rows: readonly Row[]): [string[], readonly Row[]] {
  const named = columns.filter(column => rows.some(row => isId(String(row[column])) && nameBeside(column) in row))
  const nameless = (column: string) => (named.includes(column) ? column.replace(/_id$/, '') : column)
  return [
    columns.map(nameless),
    rows.map(row => ({
      ...row,
      ...Object.fromEntries(named.map(column => [nameless(column), row[nameBeside(column)] ?? row[column]])),
    })),
  ]
}

/** resource_id → resource_name, updated_by → updated_by_name. */
const nameBeside = (column: string) => `${column.replace(/_id$/, '')}_name`

export function fieldsOf(context: Context, thing: Row): string {
  return renderFields(namesFolded(thing), lookOf(context))
}

/** An id whose name stands beside it is one line: who it is, and the id to copy. */
function namesFolded(thing: Row): Row {
  const folded = Object.keys(thing).filter(
    key => isId(String(thing[key])) && !key.endsWith('_id') && `${key}_name` in thing,
  )
  const kept = Object.entries(thing).filter(([key]) => !folded.some(one => key === `${one}_name`))
  return Object.fromEntries(
    kept.map(([key, value]) => {
      const name = folded.includes(key) ? thing[`${key}_name`] : null
      return [key, typeof name === 'string' ? `${name} (${String(value)})` : value]
    }),
  )
}

/** A table with columns of its own. */
export function ownTable(context: Context, columns: readonly string[], rows: readonly Row[]): string {
  return renderTable(columns, rows, lookOf(context))
}

/** `of_project`: looked for in the project alone, though there may be some in others, or of none. */
export function showList(context: Context, shape: CommandShape, rows: readonly Row[], of_project = false): void {
  const { out } = context
  if (out.json) out.printJson(rows)
  else if (out.quiet) showIds(context, rows)
  else {
    out.print(tableOf(context, shape, rows))
    const is_told = rows.length === 0 && of_project && out.width !== undefined
    if (is_told) out.note('With --all-projects also those of other projects, and of none, for who may look at all.')
  }
}

function showIds({ out }: Context, rows: readonly Row[]): void {
  for (const row of rows) if (typeof row.id === 'string') out.print(`${row.id}\n`)
}

/** An answer that is not a list. Without a body (204) a line says what was done. */
export function showAnswer(context: Context, shape: CommandShape, body: unknown, params: Row): void {
  const { out } = context
  if (out.json) return out.printJson(body ?? null)
  if (body === undefined || body === null) {
    const on = Object.keys(params).length > 0 ? ` ${Object.values(params).join(' ')}` : ''
    return out.note(`Done: ${nounText(shape.noun)} ${shape.verb}${on}.`)
  }
  const { operation, items, ...rest } = body as Record<string, unknown>
  if (Array.isArray(items))
    return out.quiet ? showIds(context, items as Row[]) : out.print(tableOf(context, shape, items as Row[]))
  if (operation !== undefined && shape.has_operation) {
    const things = thingsOf(shape, rest)
    return out.quiet ? showIds(context, things) : out.print(tableOf(context, shape, things))
  }
  // What replaces something whole and has no id, as a setting's value, was told by who asked.
  const known = typeof rest.id === 'string' || shape.route.method === 'PUT'
  if (out.quiet && known && !hasSecret(rest)) return showIds(context, [rest])
  const { warning: _, ...shown } = body as Row
  out.print(fieldsOf(context, shown))
  warn(context, body as Row)
}

function warn({ out }: Context, { warning }: Row): void {
  if (typeof warning === 'string') out.note(`\nWarning: ${warning}`)
}

/** What came of several things; of changes each with the name that it was asked for by. `problemOf` makes a failure JSON. */
export function showSeveral(
  context: Context,
  shape: CommandShape,
  outcomes: readonly ({ name: string; answer: unknown; error?: unknown } | { name: string; error: unknown })[],
  problemOf: (error: unknown) => unknown,
): void {
  const { out } = context
  const done = outcomes.flatMap(one => ('answer' in one ? [one] : []))
  const is_read = shape.route.method === 'GET'
  if (out.json) {
    const told = outcomes.map(one =>
      'answer' in one
        ? { target: one.name, answer: one.answer ?? null, ...('error' in one && { error: problemOf(one.error) }) }
        : { target: one.name, error: problemOf(one.error) },
    )
    return out.printJson(is_read ? done.map(({ answer }) => answer) : told)
  }
  if (shape.has_operation) {
    const things = done.flatMap(({ answer }) => thingsOf(shape, answer))
    if (out.quiet) showIds(context, things)
    else if (things.length > 0) out.print(tableOf(context, shape, things))
    return
  }
  const is_change = shape.route.method === 'PATCH' && done.every(({ answer }) => typeof answer === 'object')
  if (is_change && !out.quiet) {
    if (done.length > 0)
      out.print(
        tableOf(
          context,
          shape,
          done.map(({ answer }) => answer as Row),
        ),
      )
    // Each names what it is about.
    for (const { answer } of done) warn(context, answer as Row)
    return
  }
  for (const [at, { name, answer }] of done.entries()) {
    if (at > 0 && is_read && !out.quiet) out.print('\n')
    showAnswer(context, shape, answer, { name })
  }
}

/** What an answer has beside its operation: of several things, such as an instance and its migration, the one that the command is of. */
export function thingsOf({ noun }: Pick<CommandShape, 'noun'>, answer: unknown): Row[] {
  const { operation: _, ...rest } = answer as Record<string, unknown>
  const own = rest[noun.replaceAll('-', '_')]
  const values = own === undefined ? Object.values(rest).flatMap(value => value as unknown[]) : [own]
  return values.filter(value => typeof value === 'object' && value !== null) as Row[]
}

/** What is shown only once must be shown. */
const hasSecret = (thing: Row) => ['secret', 'private_key', 'token'].some(name => typeof thing[name] === 'string')
