/** Ids by name: whatever takes an id on the command line takes the name that people know the thing by. */
import { whereHeld } from '../api/route.ts'
import type { Session } from '../api/session.ts'
import type { LooseInput, Reply } from '../sdk/client.ts'
import { ApiProblem } from '../sdk/errors.ts'
import { naturalKey, type Nouns, type RouteValue } from './contract.ts'
import { CommandFailed, UsageError } from './failure.ts'
import { aNoun, nounText } from './noun-text.ts'

export interface LookupContext {
  nouns: Nouns
  ask(route: RouteValue, input: LooseInput): Promise<Reply<unknown>>
}

/** What something is looked up for. */
export interface Action {
  route: Pick<RouteValue, 'name' | 'needs' | 'level' | 'within'>
  /** Fields of the request. */
  given?: readonly string[]
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function isId(text: string): boolean {
  return uuid.test(text)
}

/**
 * Of what exists first; then of what was deleted and can still be recovered, for nouns that have that. Throws CommandFailed
 * 'not_found', or 'conflict' with the ids when several have the name.
 */
export async function lookup(context: LookupContext, noun: string, name: string, action: Action): Promise<string> {
  if (isId(name)) return name.toLowerCase()
  const list = context.nouns[noun]?.list
  const key = naturalKey(list)
  if (!list || !key)
    throw new UsageError(`"${name}" is not an id; ${aNoun(noun)} is named by its id.`, idHint(noun, list))
  const filters = [{}, ...(list.query?.properties?.deleted ? [{ deleted: true }] : [])]
  for (const filter of filters) {
    const query = { [key]: name, limit: 5, ...filter }
    const { body } = await context.ask(list, { query }).catch(async (error: unknown) => {
      throw await refusedFor(context, action, list, `the ${nounText(noun)} "${name}" by its ${key}`, error)
    })
    const { items } = body as { items: { id: string }[] }
    const [only, ...others] = items
    if (only && others.length === 0) return only.id
    if (only) {
      throw new CommandFailed(
        'conflict',
        `Several ${nounText(noun)}s are called "${name}".`,
        `Use an id: ${items.map(one => one.id).join(', ')}`,
      )
    }
  }
  throw new CommandFailed(
    'not_found',
    `There is no ${nounText(noun)} "${name}"${list.level === 'project' ? ' in this project' : ''}.`,
    `croft ${noun} list shows what there is.${goneOf(noun, action.route.name)}`,
  )
}

/** Lists of what was: they know hosts that are no more. Nothing else does. */
const of_past: ReadonlySet<string> = new Set([
  'migration.list',
  'ha-restart.list',
  'event.list',
  'operation.list',
  'audit.list',
])

function goneOf(noun: string, asked: string): string {
  if (noun !== 'host' || !of_past.has(asked)) return ''
  return ' One that was removed is named by its id, as croft migration list shows it.'
}

/**
 * Who may not read the list is told what the action itself needs, too, unless they hold that: with the list's permission alone they would only be
 * refused once more. The answer to the action cannot tell it, since without an id it is not asked for.
 */
async function refusedFor(
  context: LookupContext,
  { route, given = [] }: Action,
  list: RouteValue,
  what: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof ApiProblem) || error.code !== 'forbidden' || error.document.permission !== list.needs)
    return error
  if (route.needs === null || route.needs === list.needs) return error
  if (await holds(context, route, given)) {
    const detail =
      `To find ${what}, this needs the permission ${list.needs} ${whereHeld(list, [])}, which you do not hold. ` +
      `An administrator can grant a role that has it; with its id nothing has to be found.`
    return new ApiProblem(error.status, { ...error.document, detail })
  }
  const detail =
    `This needs the permission ${route.needs} ${whereHeld(route, given)}; and to find ${what}, ` +
    `${list.needs} ${whereHeld(list, [])}, which you do not hold. An administrator can grant a role that has both; with its id nothing has to be found.`
  return new ApiProblem(error.status, { ...error.document, detail, permission: route.needs, lookup: list.needs })
}

/** Whether the caller surely has what the route needs, wherever it is asked for. False: not, or it cannot be told. */
async function holds(
  { nouns, ask }: LookupContext,
  route: Action['route'],
  given: readonly string[],
): Promise<boolean> {
  const session = nouns.session?.get
  const answer = session && (await ask(session, {}).catch(() => null))
  if (!answer || route.needs === null) return false
  const { system, project } = (answer.body as Session).permissions
  return (
    system.includes(route.needs) || (whereHeld(route, given) === 'in this project' && project.includes(route.needs))
  )
}

/** Where the ids are to be seen; of what an instance has, by its name. */
function idHint(noun: string, list: RouteValue | undefined): string | undefined {
  if (!list) return undefined
  const of_instance = list.query?.properties?.instance_id ? ' --instance INSTANCE' : ''
  return `croft ${noun} list${of_instance} shows ids.`
}
