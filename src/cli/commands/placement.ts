/** A decision of the scheduler as a table: which hosts there were, what each scored, why others could not take it. */
import type { InstancePlacement, Placement } from '../../api/placement.ts'
import { ask, call, type Context, idOf, routeOf } from '../context.ts'
import { isId } from '../lookup.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { nounOf } from '../command-shape.ts'
import type { Comfort } from '../shop.ts'
import { fieldsOf, ownTable } from '../show.ts'

export const comfort: Comfort = {
  extend: () => undefined,
  instead: {
    async get(context, _, [given]) {
      const placement = await idOf(context, 'placement', String(given), { route: routeOf(context, 'placement', 'get') })
      await showPlacement(context, await call(context, 'placement', 'get', { params: { placement } }))
    },
  },
}

/** Why an instance is where it is, and then what has kept it from going elsewhere since. */
export async function showInstancePlacement(context: Context, placement: InstancePlacement): Promise<void> {
  await showPlacement(context, placement)
  const { refused_since } = placement
  // Of an earlier controller there is none.
  if (context.out.json || !refused_since) return
  context.out.print(`\nRefused since, at ${refused_since.created_at}:\n`)
  await showPlacement(context, refused_since)
}

async function showPlacement(context: Context, placement: Placement): Promise<void> {
  const { out } = context
  if (out.json) return out.printJson(placement)
  out.print(`${headline(placement)}\n\n`)
  const weights = [...new Set(placement.hosts.flatMap(one => Object.keys(one.weights)))]
  const rows = placement.hosts.map(one => ({
    host: one.host,
    verdict: one.host_id === placement.host_id ? 'chosen' : one.refused === null ? 'fits' : 'refused',
    score: rounded(one.score),
    ...Object.fromEntries(weights.map(name => [name, rounded(one.weights[name])])),
    why_not: one.refused,
  }))
  const why_not = rows.some(row => row.why_not !== null) ? ['why_not'] : []
  if (rows.length > 0) out.print(ownTable(context, ['host', 'verdict', 'score', ...weights, ...why_not], rows))
  out.print(beyondTable(context, placement))
  const asked = Object.entries(placement.asked).filter(([, value]) => isSaid(value))
  const named = await Promise.all(asked.map(([field, value]) => byName(context, field, value)))
  if (named.length > 0) out.print(`\nAsked for:\n${fieldsOf(context, Object.fromEntries(named))}`)
}

/** What is asked for by an id, as people call it: image_id → image. The id stays of what has no name, is gone, or is not to be seen. */
async function byName(context: Context, field: string, value: unknown): Promise<[string, unknown]> {
  const of = field.replace(/_id$/, '')
  const route = context.nouns[nounOf(of, context.nouns, '') ?? '']?.get
  const [param] = Object.keys(route?.params?.properties ?? {})
  if (of === field || typeof value !== 'string' || !isId(value) || !route || param === undefined) return [field, value]
  const found = await ask(context, route, { params: { [param]: value } }).catch((error: unknown) => {
    if (error instanceof ApiProblem) return null
    throw error
  })
  const { name } = (found?.body ?? {}) as { name?: string }
  return name === undefined ? [field, value] : [of, name]
}

/** Of many hosts the table has few: what else fits, and what all that were refused lack. */
export function beyondTable(
  context: Context,
  { hosts, fitting, reasons }: Pick<Placement, 'hosts' | 'fitting' | 'reasons'>,
): string {
  const refused = reasons.length > 0 ? `\nRefused, by reason:\n${reasonsTable(context, reasons)}` : ''
  return moreThatFit(hosts, fitting) + refused
}

/** Of those that fit only the best are told of. */
function moreThatFit(told: Placement['hosts'], fitting: number | null): string {
  const more = (fitting ?? 0) - told.filter(one => one.refused === null).length
  return told.length === 0 || more <= 0 ? '' : `${more} more ${more === 1 ? 'fits' : 'fit'} with no higher score.\n`
}

/** However many hosts there are: a line for each reason, with some of them. */
function reasonsTable(context: Context, reasons: Placement['reasons']): string {
  const rows = reasons.map(({ reason, hosts, examples }) => {
    const more = hosts > examples.length ? ', …' : ''
    return { reason, hosts, such_as: examples.map(one => one.host).join(', ') + (examples.length > 0 ? more : '') }
  })
  return ownTable(context, ['reason', 'hosts', ...(rows.some(one => one.such_as !== '') ? ['such_as'] : [])], rows)
}

function headline({ hosts, host_id, refusals }: Placement): string {
  const untold = 'Which hosts there were, and how each stood, is told to who holds topology.read on the system.'
  if (hosts.length === 0 && host_id !== null) return `A host was chosen. ${untold}`
  if (hosts.length === 0) {
    return Object.keys(refusals).length === 0 ? 'There was no host to choose from.' : `No host could take it. ${untold}`
  }
  const chosen = hosts.find(one => one.host_id === host_id)
  if (chosen) return `${chosen.host} was chosen; the highest score wins, which is the sum of the columns right of it.`
  return host_id === null ? 'No host could take it.' : 'The host that was chosen is gone since.'
}

const rounded = (value: number | null | undefined) => (value == null ? null : Math.round(value * 1000) / 1000)

/** What asks for nothing is left out: no labels, no flags. */
function isSaid(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}
