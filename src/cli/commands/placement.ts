/** A decision of the scheduler as a table: which hosts there were, what each scored, why others could not take it. */
import type { Placement } from '../../api/instance.ts'
import { call, type Context } from '../context.ts'
import type { Comfort } from '../program.ts'
import { fieldsOf, ownTable } from '../show.ts'

export const comfort: Comfort = {
  extend: () => undefined,
  instead: {
    async get(context, _, [placement]) {
      showPlacement(context, await call(context, 'placement', 'get', { params: { placement: String(placement) } }))
    },
  },
}

export function showPlacement(context: Context, placement: Placement): void {
  const { out } = context
  if (out.json) return out.printJson(placement)
  const rows = placement.hosts.map(one => ({
    host: one.host,
    verdict: one.host_id === placement.host_id ? 'chosen' : one.refused === null ? 'fits' : 'refused',
    score: one.score === null ? null : Math.round(one.score * 1000) / 1000,
    why: one.refused ?? weightsOf(one.weights),
  }))
  out.print(ownTable(context, ['host', 'verdict', 'score', 'why'], rows))
  const refused = Object.entries(placement.refusals).filter(([, count]) => count > 0)
  if (refused.length > 0) out.print(`\nHosts refused, by reason:\n${fieldsOf(context, Object.fromEntries(refused))}`)
  out.print(`\nAsked for: ${fieldsOf(context, { asked: placement.asked }).replace(/^\S+\s+/, '')}`)
}

function weightsOf(weights: Placement['hosts'][number]['weights']): string {
  return Object.entries(weights)
    .map(([name, weight]) => `${name} ${Math.round(weight * 1000) / 1000}`)
    .join(', ')
}
