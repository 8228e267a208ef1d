/** Domains. A domain's place in the tree is for good; disabling one shuts out its users and projects, and stops nothing. */
import type { Domain, domainRoutes } from '../../api/domain.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { DomainId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { domain } from '../store/domain.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller, checkVersion, forbidden, mayInDomain, mayOnSystem } from './caller.ts'
import { changeIdentity } from './holders.ts'
import { domainsWith, mustManageIn } from './reach.ts'

const needs = { see: 'domain.read', manage: 'domain.manage' } as const

export function listDomains(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof domainRoutes.list>,
): Promise<Page<Domain>> {
  const domains = domainsWith(caller, 'domain.read')
  return domain.list(cloud.database.db, domains && [...new Set([...domains, caller.user_domain_id])], query)
}

export async function getDomain(cloud: Cloud, caller: Caller, id: string): Promise<Domain> {
  const found = await domain.find(cloud.database.db, id)
  const mine = id === caller.user_domain_id
  if (!found || !(mine || mayInDomain(caller, 'domain.read', id))) throw notFound('domain', id)
  return found
}

function nameTaken(name: string | undefined) {
  return {
    domain_name_key: () => new CloudError('name_taken', `There is a domain '${name}' already. Choose another name.`),
  }
}

export function createDomain(cloud: Cloud, caller: Caller, asked: BodyOf<typeof domainRoutes.create>): Promise<Domain> {
  const parent_id = asked.parent_id ?? null
  if (parent_id === null && !mayOnSystem(caller, 'domain.manage')) {
    throw forbidden('domain.manage', 'on the whole system, since the domain would be below no other')
  }
  const made = { id: makeId<DomainId>(cloud), name: asked.name, parent_id, description: asked.description ?? '' }
  return changeIdentity(cloud, caller, async tx => {
    if (parent_id !== null) mustManageIn(caller, parent_id, needs, () => notFound('domain', parent_id))
    const created = await onConstraint(domain.insert(tx, made), {
      ...nameTaken(asked.name),
      domain_parent_id_fkey: () => notFound('domain', String(parent_id)),
    })
    await event.record(tx, [{ noun: 'domain', kind: 'created', resource_id: made.id, project_id: null, ...by(caller) }])
    return created
  })
}

/** Locks it. Throws not_found, changed_meanwhile. */
async function mustBeAt(tx: Tx, caller: Caller, id: string): Promise<void> {
  const version = await domain.lock(tx, id)
  if (version === null) throw notFound('domain', id)
  checkVersion(caller, version)
}

export function updateDomain(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof domainRoutes.update>,
): Promise<Domain> {
  mustManageIn(caller, id, needs, () => notFound('domain', id))
  if (asked.enabled === false && id === caller.user_domain_id) {
    throw new CloudError('wrong_state', 'You would shut yourself out: this is the domain that you are in yourself.')
  }
  return changeIdentity(cloud, caller, async tx => {
    await mustBeAt(tx, caller, id)
    const updated = await onConstraint(domain.update(tx, id, asked), nameTaken(asked.name))
    if (!updated) throw notFound('domain', id)
    await event.record(tx, [{ noun: 'domain', kind: 'changed', resource_id: id, project_id: null, ...by(caller) }])
    return updated
  })
}

export function deleteDomain(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  mustManageIn(caller, id, needs, () => notFound('domain', id))
  return changeIdentity(cloud, caller, async tx => {
    await mustBeAt(tx, caller, id)
    const held = await domain.contents(tx, id)
    if (!held) throw notFound('domain', id)
    const left = Object.entries(held).filter(([, count]) => count > 0)
    if (left.length > 0) {
      const list = left.map(([noun, count]) => `${count} ${count === 1 ? noun.slice(0, -1) : noun}`).join(', ')
      throw new CloudError('in_use', `The domain still holds ${list}. Delete those first.`, { left: held })
    }
    await domain.remove(tx, id)
    await event.record(tx, [{ noun: 'domain', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) }])
    return null
  })
}
