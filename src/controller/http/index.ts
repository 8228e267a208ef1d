/** Every route with its use case. */
import { flavorHandlers } from './flavor.ts'
import type { Handled } from './handle.ts'
import { sessionHandlers } from './session.ts'

export const handlers: readonly Handled[] = [...sessionHandlers, ...flavorHandlers]
