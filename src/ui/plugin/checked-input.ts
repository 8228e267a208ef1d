/** What a plug-in gives to a call, made sure of: it is the request that was approved, and none besides. Pure. */
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'

/** In place of a word of the API; said to the page as it is. */
export class Refused extends Error {}

type Given = Partial<Record<'params' | 'query' | 'body' | 'if_match' | 'wait_s', unknown>>

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One step of a path: what could lead to another route, such as "..", is none. */
const step = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,255}$/

/** Only what a call may have: no header, no other key, and no parameter that makes the path another one. */
export function checkedInput(route: Pick<Route, 'name' | 'path'>, given: unknown): LooseInput {
  const { params = {}, query = {}, body, if_match, wait_s }: Given = isRecord(given) ? given : {}
  if (!isRecord(params) || !isRecord(query)) throw new Refused(`${route.name}: params and query are objects.`)
  const names = [...route.path.matchAll(/:(\w+)/g)].map(match => match[1] ?? '')
  const checked: Record<string, string> = {}
  for (const name of names) {
    const value = params[name]
    if (typeof value !== 'string' || !step.test(value)) throw new Refused(`${route.name}: params.${name} is no id.`)
    checked[name] = value
  }
  return {
    params: checked,
    query,
    ...(body !== undefined && { body }),
    ...(typeof if_match === 'number' && { if_match }),
    ...(typeof wait_s === 'number' && wait_s > 0 && { wait_s: Math.min(wait_s, 60) }),
  }
}
