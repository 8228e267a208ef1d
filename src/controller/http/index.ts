/** Every route with its use case. */
import { eventHandlers } from './event.ts'
import { flavorHandlers } from './flavor.ts'
import type { Handled } from './handle.ts'
import { hostHandlers } from './host.ts'
import { instanceHandlers } from './instance.ts'
import { operationHandlers } from './operation.ts'
import { sessionHandlers } from './session.ts'

export const handlers: readonly Handled[] = [
  ...sessionHandlers,
  ...flavorHandlers,
  ...hostHandlers,
  ...instanceHandlers,
  ...operationHandlers,
  ...eventHandlers,
]
