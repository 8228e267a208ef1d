/** Every route with its use case. */
import { consoleHandlers } from './console.ts'
import { eventHandlers } from './event.ts'
import { instanceGroupHandlers } from './instance-group.ts'
import { flavorHandlers } from './flavor.ts'
import { pciAliasHandlers } from './pci-alias.ts'
import { domainHandlers } from './domain.ts'
import { projectHandlers } from './project.ts'
import { userHandlers } from './user.ts'
import { roleHandlers } from './role.ts'
import { roleGrantHandlers } from './role-grant.ts'
import { quotaHandlers } from './quota.ts'
import { apiKeyHandlers } from './api-key.ts'
import { imageHandlers } from './image.ts'
import { imageUploadHandlers } from './image-upload.ts'
import { imageKeyHandlers } from './image-key.ts'
import { keyPairHandlers } from './key-pair.ts'
import { regionHandlers } from './region.ts'
import { aggregateHandlers } from './aggregate.ts'
import { zoneHandlers } from './zone.ts'
import { clusterHandlers } from './cluster.ts'
import { settingHandlers } from './setting.ts'
import { auditHandlers } from './audit.ts'
import { floatingIpHandlers } from './floating-ip.ts'
import type { Handled } from './handle.ts'
import { metricsHandlers } from './metrics.ts'
import { maintenanceHandlers } from './maintenance.ts'
import { migrationHandlers } from './migration.ts'
import { networkHandlers } from './network.ts'
import { pluginHandlers } from './plugin.ts'
import { poolHandlers } from './pool.ts'
import { portHandlers } from './port.ts'
import { routerHandlers } from './router.ts'
import { searchHandlers } from './search.ts'
import { securityGroupHandlers } from './security-group.ts'
import { subnetHandlers } from './subnet.ts'
import { controllerHandlers } from './controller.ts'
import { haRestartHandlers } from './ha-restart.ts'
import { hostBmcHandlers } from './host-bmc.ts'
import { hostHandlers } from './host.ts'
import { hostInvitationHandlers } from './host-invitation.ts'
import { hostRegistrationHandlers } from './host-registration.ts'
import { instanceHandlers } from './instance.ts'
import { instanceGuestHandlers } from './instance-guest.ts'
import { operationHandlers } from './operation.ts'
import { sessionHandlers } from './session.ts'
import { volumeHandlers } from './volume.ts'

export const handlers: readonly Handled[] = [
  ...sessionHandlers,
  ...flavorHandlers,
  ...pciAliasHandlers,
  ...hostHandlers,
  ...hostInvitationHandlers,
  ...hostRegistrationHandlers,
  ...hostBmcHandlers,
  ...haRestartHandlers,
  ...controllerHandlers,
  ...instanceGroupHandlers,
  ...instanceHandlers,
  ...instanceGuestHandlers,
  ...migrationHandlers,
  ...maintenanceHandlers,
  ...consoleHandlers,
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
  ...imageHandlers,
  ...imageUploadHandlers,
  ...imageKeyHandlers,
  ...volumeHandlers,
  ...poolHandlers,
  ...regionHandlers,
  ...zoneHandlers,
  ...clusterHandlers,
  ...aggregateHandlers,
  ...settingHandlers,
  ...auditHandlers,
  ...networkHandlers,
  ...subnetHandlers,
  ...portHandlers,
  ...routerHandlers,
  ...floatingIpHandlers,
  ...securityGroupHandlers,
  ...metricsHandlers,
  ...pluginHandlers,
  ...searchHandlers,
]
