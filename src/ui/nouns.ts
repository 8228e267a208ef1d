/** Every noun that has pages, one line each; navigation, addresses, search and command palette follow from it. */
import { accountPage } from './account/page.ts'
import { aggregate } from './aggregate/definition.tsx'
import { apiKey } from './api-key/definition.tsx'
import { auditPage } from './audit/page.ts'
import { cluster } from './cluster/definition.tsx'
import { controller } from './controller/definition.tsx'
import { domain } from './domain/definition.tsx'
import { eventPage } from './event/page.ts'
import { flavor } from './flavor/definition.tsx'
import { floatingIp } from './floating-ip/definition.tsx'
import { haRestart } from './ha-restart/definition.tsx'
import { host } from './host/definition.tsx'
import { hostInvitation } from './host-invitation/definition.tsx'
import { hostRegistration } from './host-registration/definition.tsx'
import { image } from './image/definition.tsx'
import { imageKey } from './image-key/definition.tsx'
import { keyPair } from './key-pair/definition.tsx'
import { volume } from './volume/definition.tsx'
import { instance } from './instance/definition.tsx'
import { instanceGroup } from './instance-group/definition.tsx'
import { migration } from './migration/definition.tsx'
import { network } from './network/definition.tsx'
import type { NounDefinition, PageDefinition } from './noun/definition.ts'
import { operation } from './operation/definition.tsx'
import { pciAlias } from './pci-alias/definition.tsx'
import { pluginsPage } from './plugin/page.ts'
import { pool } from './pool/definition.tsx'
import { port } from './port/definition.tsx'
import { project } from './project/definition.tsx'
import { quotaPage } from './quota/page.ts'
import { region } from './region/definition.tsx'
import { role } from './role/definition.tsx'
import { router } from './router/definition.tsx'
import { securityGroup } from './security-group/definition.tsx'
import { settings } from './setting/page.ts'
import { subnet } from './subnet/definition.tsx'
import { topology } from './topology/page.ts'
import { user } from './user/definition.tsx'
import { zone } from './zone/definition.tsx'

export const nouns: readonly NounDefinition[] = [
  instance,
  instanceGroup,
  flavor,
  network,
  subnet,
  router,
  floatingIp,
  securityGroup,
  port,
  host,
  hostRegistration,
  hostInvitation,
  cluster,
  aggregate,
  zone,
  pciAlias,
  region,
  pool,
  migration,
  haRestart,
  controller,
  operation,
  domain,
  project,
  user,
  role,
  apiKey,
  image,
  imageKey,
  volume,
  keyPair,
]

/** Pages that are no noun's. */
export const pages: readonly PageDefinition[] = [
  topology,
  settings,
  pluginsPage,
  quotaPage,
  eventPage,
  auditPage,
  accountPage,
]
