/** What every command is given: the contract, the way to the API, where to write, and what was said for all commands alike. */
import type { contract } from '../api/index.ts'
import type { InputOf, LooseInput, Reply } from '../sdk/client.ts'
import type { Client } from '../sdk/node-client.ts'
import type { ReplyOf, Route } from '../api/route.ts'
import type { ClientEnvironment } from '../client-environment.ts'
import type { Nouns, RouteValue } from './contract.ts'
import { type Action, lookup } from './lookup.ts'
import type { Output } from './output.ts'

/** What may be said with every command. */
export interface Globals {
  url?: string | undefined
  token?: string | undefined
  project?: string | undefined
  ca?: string | undefined
  json: boolean
  quiet: boolean
  color: boolean
}

export interface Context {
  env: ClientEnvironment
  globals: Globals
  nouns: Nouns
  out: Output
  /** Signed in; connected once per command. Throws CommandFailed 'not_signed_in'. */
  client(): Promise<Client>
}

type Contract = typeof contract
type Key<N> = Extract<keyof N, string>

/** The route of the contract under these keys, without loading the contract. */
export function routeOf<N extends Key<Contract>, V extends Key<Contract[N]>>(
  { nouns }: Pick<Context, 'nouns'>,
  noun: N,
  key: V,
): Contract[N][V] {
  const verb = key.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  const route = nouns[noun]?.[verb]
  if (!route) throw new Error(`the contract has no ${noun}.${verb}`)
  return route as unknown as Contract[N][V]
}

/** Calls a route of the contract, typed by it. */
export async function call<N extends Key<Contract>, V extends Key<Contract[N]>>(
  context: Context,
  noun: N,
  key: V,
  input: Contract[N][V] extends Route ? InputOf<Contract[N][V]> : never,
): Promise<ReplyOf<Contract[N][V]>> {
  const client = await context.client()
  const { body } = await client.askLoosely(routeOf(context, noun, key) as Route, input)
  return body as ReplyOf<Contract[N][V]>
}

/** Calls a route that is known as data only. */
export async function ask(context: Context, route: RouteValue, input: LooseInput): Promise<Reply<unknown>> {
  return (await context.client()).askLoosely(route as unknown as Route, input)
}

/** The id of what is called so, or is it already; `action`: what it is looked up for. Throws CommandFailed, and ApiProblem 'forbidden'. */
export function idOf(context: Context, noun: string, name: string, action: Action): Promise<string> {
  return lookup({ nouns: context.nouns, ask: (route, input) => ask(context, route, input) }, noun, name, action)
}
