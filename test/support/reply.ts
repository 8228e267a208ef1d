/** Answers of a test's cloud, of the type that the contract gives them, and held to it: no test has to cast. */
import assert from 'node:assert/strict'
import { Value } from 'typebox/value'
import type { ParamsOf, ReplyOf, Route } from '../../src/api/route.ts'
import type { Answered, AskOptions } from './cloud.ts'

/** The body of a success. Fails, with what was answered, if it was refused, or is not what the contract says. */
export function replyOf<R extends Route>(route: R, { status, body }: Pick<Answered, 'status' | 'body'>): ReplyOf<R> {
  assert.equal(status, route.status, `${route.name}: ${JSON.stringify(body)}`)
  const reply: unknown = body
  assert.ok(route.reply, `${route.name} answers with no JSON`)
  const [wrong] = Value.Errors(route.reply, reply)
  assert.ok(!wrong, `${route.name}: ${wrong?.instancePath} ${wrong?.message}: ${JSON.stringify(body)}`)
  return reply as ReplyOf<R>
}

type Values = Readonly<Record<string, unknown>>
export type CallOptions<R extends Route> = AskOptions & { query?: Values } & ({} extends ParamsOf<R>
    ? { params?: ParamsOf<R> }
    : { params: ParamsOf<R> })

/** Where a request of this route goes. */
export function pathOf(route: Route, params: Values = {}, query: Values = {}): string {
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) asked.append(name, String(value))
  return asked.size === 0 ? path : `${path}?${asked.toString()}`
}
