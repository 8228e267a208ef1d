/** Every route with its use case. */
import { eventHandlers } from './event.ts'
import { flavorHandlers } from './flavor.ts'
import { domainHandlers } from './domain.ts'
import { projectHandlers } from './project.ts'
import { userHandlers } from './user.ts'
import { roleHandlers } from './role.ts'
import { roleGrantHandlers } from './role-grant.ts'
import { quotaHandlers } from './quota.ts'
import { apiKeyHandlers } from './api-key.ts'
import { keyPairHandlers } from './key-pair.ts'
import { zoneHandlers } from './zone.ts'
import { clusterHandlers } from './cluster.ts'
import { settingHandlers } from './setting.ts'
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
  ...domainHandlers,
  ...projectHandlers,
  ...userHandlers,
  ...roleHandlers,
  ...roleGrantHandlers,
  ...quotaHandlers,
  ...apiKeyHandlers,
  ...keyPairHandlers,
  ...zoneHandlers,
  ...clusterHandlers,
  ...settingHandlers,
]
