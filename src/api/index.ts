/** Every route of the public API. A noun that is not here does not exist for server, OpenAPI, SDK and CLI. */
import { consoleLinkRoutes, consoleRoutes } from './console.ts'
import { eventRoutes } from './event.ts'
import { flavorRoutes } from './flavor.ts'
import { pciAliasRoutes } from './pci-alias.ts'
import { controllerRoutes } from './controller.ts'
import { haRestartRoutes } from './ha-restart.ts'
import { hostBmcRoutes } from './host-bmc.ts'
import { hostRoutes } from './host.ts'
import { hostInvitationRoutes } from './host-invitation.ts'
import { hostRegistrationRoutes } from './host-registration.ts'
import { instanceRoutes } from './instance.ts'
import { instanceGuestRoutes } from './instance-guest.ts'
import { maintenanceRoutes } from './maintenance.ts'
import { instanceMoveRoutes, migrationRoutes } from './migration.ts'
import { instanceGroupRoutes } from './instance-group.ts'
import { operationRoutes } from './operation.ts'
import { domainRoutes } from './domain.ts'
import { projectRoutes } from './project.ts'
import { userRoutes } from './user.ts'
import { roleRoutes } from './role.ts'
import { roleGrantRoutes } from './role-grant.ts'
import { quotaRoutes } from './quota.ts'
import { apiKeyRoutes } from './api-key.ts'
import { imageRoutes } from './image.ts'
import { imageUploadRoutes } from './image-upload.ts'
import { imageKeyRoutes } from './image-key.ts'
import { keyPairRoutes } from './key-pair.ts'
import { regionRoutes } from './region.ts'
import { aggregateRoutes } from './aggregate.ts'
import { zoneRoutes } from './zone.ts'
import { clusterRoutes } from './cluster.ts'
import { settingRoutes } from './setting.ts'
import { auditRoutes } from './audit.ts'
import { floatingIpRoutes } from './floating-ip.ts'
import { metricsRoutes } from './metrics.ts'
import { networkRoutes } from './network.ts'
import { placementRoutes } from './placement.ts'
import { pluginRoutes } from './plugin.ts'
import { poolRoutes } from './pool.ts'
import { portRoutes } from './port.ts'
import type { Route } from './route.ts'
import { routerRoutes } from './router.ts'
import { searchRoutes } from './search.ts'
import { securityGroupRoutes } from './security-group.ts'
import { subnetRoutes } from './subnet.ts'
import { sessionRoutes } from './session.ts'
import { volumeRoutes } from './volume.ts'

export const contract = {
  session: sessionRoutes,
  flavor: flavorRoutes,
  'pci-alias': pciAliasRoutes,
  host: hostRoutes,
  'host-invitation': hostInvitationRoutes,
  'host-registration': hostRegistrationRoutes,
  'host-bmc': hostBmcRoutes,
  'ha-restart': haRestartRoutes,
  controller: controllerRoutes,
  instance: { ...instanceRoutes, ...instanceGuestRoutes, ...instanceMoveRoutes },
  migration: migrationRoutes,
  maintenance: maintenanceRoutes,
  'instance-group': instanceGroupRoutes,
  placement: placementRoutes,
  console: consoleRoutes,
  'console-link': consoleLinkRoutes,
  operation: operationRoutes,
  event: eventRoutes,
  domain: domainRoutes,
  project: projectRoutes,
  user: userRoutes,
  role: roleRoutes,
  'role-grant': roleGrantRoutes,
  quota: quotaRoutes,
  'api-key': apiKeyRoutes,
  'key-pair': keyPairRoutes,
  image: imageRoutes,
  'image-upload': imageUploadRoutes,
  'image-key': imageKeyRoutes,
  volume: volumeRoutes,
  pool: poolRoutes,
  region: regionRoutes,
  zone: zoneRoutes,
  cluster: clusterRoutes,
  aggregate: aggregateRoutes,
  setting: settingRoutes,
  audit: auditRoutes,
  network: networkRoutes,
  subnet: subnetRoutes,
  port: portRoutes,
  router: routerRoutes,
  'floating-ip': floatingIpRoutes,
  'security-group': securityGroupRoutes,
  metrics: metricsRoutes,
  plugin: pluginRoutes,
  search: searchRoutes,
} as const

export const allRoutes: readonly Route[] = Object.values(contract).flatMap(noun => Object.values(noun) as Route[])
