/** Every route of the public API. A noun that is not here does not exist for server, OpenAPI, SDK and CLI. */
import { flavorRoutes } from './flavor.ts'
import type { Route } from './route.ts'
import { sessionRoutes } from './session.ts'

export const contract = {
  session: sessionRoutes,
  flavor: flavorRoutes,
} as const

export const allRoutes: readonly Route[] = Object.values(contract).flatMap(noun => Object.values(noun) as Route[])
