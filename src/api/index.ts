/** Every route of the public API. A noun that is not here does not exist for server, OpenAPI, SDK and CLI. */
import { eventRoutes } from './event.ts'
import { flavorRoutes } from './flavor.ts'
import { hostRoutes } from './host.ts'
import { instanceRoutes, placementRoutes } from './instance.ts'
import { operationRoutes } from './operation.ts'
import type { Route } from './route.ts'
import { sessionRoutes } from './session.ts'

export const contract = {
  session: sessionRoutes,
  flavor: flavorRoutes,
  host: hostRoutes,
  instance: instanceRoutes,
  placement: placementRoutes,
  operation: operationRoutes,
  event: eventRoutes,
} as const

export const allRoutes: readonly Route[] = Object.values(contract).flatMap(noun => Object.values(noun) as Route[])
