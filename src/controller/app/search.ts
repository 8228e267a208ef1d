/**
 * Things of every kind by one text. Each noun's own list finds and decides what the caller may see: nothing here knows of either.
 * Not its job: how a noun is found (its store, and store/found-by.ts).
 */
import { aggregateRoutes } from '../../api/aggregate.ts'
import { apiKeyRoutes } from '../../api/api-key.ts'
import { clusterRoutes } from '../../api/cluster.ts'
import { domainRoutes } from '../../api/domain.ts'
import { flavorRoutes } from '../../api/flavor.ts'
import { floatingIpRoutes } from '../../api/floating-ip.ts'
import { hostRegistrationRoutes } from '../../api/host-registration.ts'
import { hostRoutes } from '../../api/host.ts'
import { imageKeyRoutes } from '../../api/image-key.ts'
import { imageRoutes } from '../../api/image.ts'
import { instanceGroupRoutes } from '../../api/instance-group.ts'
import { instanceRoutes } from '../../api/instance.ts'
import { keyPairRoutes } from '../../api/key-pair.ts'
import { networkRoutes } from '../../api/network.ts'
import { pciAliasRoutes } from '../../api/pci-alias.ts'
import { portRoutes } from '../../api/port.ts'
import { projectRoutes } from '../../api/project.ts'
import { regionRoutes } from '../../api/region.ts'
import { roleRoutes } from '../../api/role.ts'
import type { QueryOf, ReplyOf, Route } from '../../api/route.ts'
import { routerRoutes } from '../../api/router.ts'
import type { Found, searchRoutes } from '../../api/search.ts'
import { securityGroupRoutes } from '../../api/security-group.ts'
import { subnetRoutes } from '../../api/subnet.ts'
import { userRoutes } from '../../api/user.ts'
import { volumeRoutes } from '../../api/volume.ts'
import { zoneRoutes } from '../../api/zone.ts'
import type { Cloud } from '../cloud.ts'
import { isOfAddress, isPartOfId, macOf } from '../store/found-by.ts'
import { listAggregates } from './aggregate.ts'
import { listApiKeys } from './api-key.ts'
import { type Caller, givenInstances, mayInAnyDomain, mayInProject, mayOnSystem } from './caller.ts'
import { listClusters } from './cluster.ts'
import { listDomains } from './domain.ts'
import { listFlavors } from './flavor.ts'
import { listFloatingIps } from './floating-ip.ts'
import { listRegistrations } from './host-registration.ts'
import { listHosts } from './host.ts'
import { listImageKeys } from './image-key.ts'
import { listImages } from './image.ts'
import { listInstanceGroups } from './instance-group.ts'
import { listInstances } from './instance.ts'
import { listKeyPairs } from './key-pair.ts'
import { listNetworks } from './network.ts'
import { listPciAliases } from './pci-alias.ts'
import { listPorts } from './port.ts'
import { listProjects } from './project.ts'
import { listRegions } from './region.ts'
import { listRoles } from './role.ts'
import { listRouters } from './router.ts'
import { listSecurityGroups } from './security-group.ts'
import { listSubnets } from './subnet.ts'
import { listUsers } from './user.ts'
import { listVolumes } from './volume.ts'
import { listZones } from './zone.ts'

interface Query {
  search: string
  limit: number
  all_projects?: boolean
}

interface Noun {
  route: Route
  list(cloud: Cloud, caller: Caller, query: Query): Promise<{ items: readonly Item[] }>
}

interface Item {
  id: string
  name?: string | null
  hostname?: string
  address?: string
  addresses?: readonly { address: string }[]
  project_id?: string | null
}

const noun = (route: Route, list: Noun['list']): Noun => ({ route, list })
/** Of the whole cloud: whoever may look at all sees each. */
const common = (route: Route, list: (cloud: Cloud, query: Query) => ReturnType<Noun['list']>): Noun =>
  noun(route, (cloud, _, query) => list(cloud, query))

/** In the order in which they are told. What has neither name nor address of its own is not looked for. */
const nouns: readonly Noun[] = [
  noun(instanceRoutes.list, listInstances),
  noun(floatingIpRoutes.list, listFloatingIps),
  noun(portRoutes.list, listPorts),
  noun(volumeRoutes.list, listVolumes),
  noun(imageRoutes.list, listImages),
  noun(networkRoutes.list, listNetworks),
  noun(subnetRoutes.list, listSubnets),
  noun(routerRoutes.list, listRouters),
  noun(securityGroupRoutes.list, listSecurityGroups),
  noun(instanceGroupRoutes.list, listInstanceGroups),
  common(flavorRoutes.list, listFlavors),
  noun(keyPairRoutes.list, listKeyPairs),
  common(hostRoutes.list, listHosts),
  common(hostRegistrationRoutes.list, listRegistrations),
  common(clusterRoutes.list, listClusters),
  common(aggregateRoutes.list, listAggregates),
  noun(zoneRoutes.list, listZones),
  common(regionRoutes.list, listRegions),
  common(pciAliasRoutes.list, listPciAliases),
  noun(projectRoutes.list, listProjects),
  noun(userRoutes.list, listUsers),
  noun(domainRoutes.list, listDomains),
  common(roleRoutes.list, listRoles),
  noun(apiKeyRoutes.list, listApiKeys),
  common(imageKeyRoutes.list, listImageKeys),
]

/** So many nouns are looked through at a time: one search does not take all connections to the database. */
const at_once = 4

export async function find(
  cloud: Cloud,
  caller: Caller,
  { text, limit = 5, all_projects = false }: QueryOf<typeof searchRoutes.find>,
): Promise<ReplyOf<typeof searchRoutes.find>> {
  const ofAll = (route: Route) =>
    all_projects && seesAll(caller, route) && route.query?.properties.all_projects !== undefined
  const asked = nouns.filter(({ route }) => mayAsk(caller, route, ofAll(route)))
  const items: Found[] = []
  for (let from = 0; from < asked.length; from += at_once) {
    const found = await Promise.all(
      asked.slice(from, from + at_once).map(async ({ route, list }) => {
        const query = { search: text, limit, ...(ofAll(route) && { all_projects: true }) }
        return (await list(cloud, caller, query)).items.map(item => told(route, item, text))
      }),
    )
    items.push(...found.flat())
  }
  return { items }
}

const seesAll = (caller: Caller, { needs }: Route) => needs !== null && mayOnSystem(caller, needs)

/** As at the door (permit, in http/server.ts): who may not list them finds none. `of_all`: of whichever project, so none is needed. */
function mayAsk(caller: Caller, route: Route, of_all: boolean): boolean {
  const { level, needs, on_instance } = route
  if (needs === null) return level === 'self'
  if (level === 'system') return mayOnSystem(caller, needs)
  if (level === 'domain') return mayInAnyDomain(caller, needs)
  if (of_all) return true
  if (caller.project_id === null) return false
  return mayInProject(caller, needs) || (on_instance !== undefined && givenInstances(caller, on_instance).length > 0)
}

function told(route: Route, item: Item, text: string): Found {
  const { id, project_id = null } = item
  const name = item.name || item.hostname || item.address || item.addresses?.[0]?.address || null
  return { noun: route.name.split('.', 1)[0] ?? '', id, name, matched: matchedBy(item, text), project_id }
}

function matchedBy({ id, name, hostname }: Item, text: string): Found['matched'] {
  if ((name ?? hostname ?? '').toLowerCase().includes(text.toLowerCase())) return 'name'
  if (isPartOfId(id, text)) return 'id'
  if (isOfAddress(text)) return 'address'
  return macOf(text) === undefined ? 'name' : 'mac'
}
