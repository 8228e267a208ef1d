/** Reading and setting limits. What is used is counted by store/quota.ts in the transactions that use it. */
import type { Quota, quotaRoutes } from '../../api/quota.ts'
import type { BodyOf, ParamsOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Db } from '../store/database.ts'
import { domain } from '../store/domain.ts'
import { event } from '../store/event.ts'
import { project } from '../store/project.ts'
import { quota, type QuotaScope } from '../store/quota.ts'
import { by, type Caller, forbidden, mayInDomain, mayOnSystem, projectOf } from './caller.ts'
import { change } from './change.ts'
import { mustManageIn } from './reach.ts'

async function read(db: Db, scope: QuotaScope, scope_id: string): Promise<Quota> {
  return { scope, scope_id, resources: await quota.list(db, scope, scope_id) }
}

export async function getQuota(cloud: Cloud, caller: Caller, query: QueryOf<typeof quotaRoutes.get>): Promise<Quota> {
  const { db } = cloud.database
  const { project_id, domain_id } = query
  if (project_id !== undefined && domain_id !== undefined) {
    throw new CloudError('invalid', 'Name a project or a domain, not both.')
  }
  if (domain_id !== undefined) {
    const seen = mayInDomain(caller, 'quota.read', domain_id) && (await domain.find(db, domain_id))
    if (!seen) throw notFound('domain', domain_id)
    return read(db, 'domain', domain_id)
  }
  if (project_id === undefined || project_id === caller.project_id) return read(db, 'project', projectOf(caller))
  const found = await project.find(db, project_id)
  if (!found || !mayInDomain(caller, 'quota.read', found.domain_id)) throw notFound('project', project_id)
  return read(db, 'project', project_id)
}

/** A project's limits are set by who manages its domain, a domain's by who manages the one above: nobody raises their own. */
async function mustMaySet(db: Db, caller: Caller, scope: QuotaScope, id: string): Promise<void> {
  const needs = { see: 'quota.read', manage: 'quota.manage' } as const
  if (scope === 'project') {
    const found = await project.find(db, id)
    if (!found) throw notFound('project', id)
    mustManageIn(caller, found.domain_id, needs, () => notFound('project', id))
    return
  }
  const found = await domain.find(db, id)
  if (!found || !mayInDomain(caller, 'quota.read', id)) throw notFound('domain', id)
  const above = found.parent_id
  if (above === null ? mayOnSystem(caller, 'quota.manage') : mayInDomain(caller, 'quota.manage', above)) return
  throw forbidden('quota.manage', above === null ? 'on the whole system' : 'in the domain above')
}

export function setQuota(
  cloud: Cloud,
  caller: Caller,
  { scope, id }: ParamsOf<typeof quotaRoutes.set>,
  limits: BodyOf<typeof quotaRoutes.set>,
): Promise<Quota> {
  return change(cloud, caller, async tx => {
    await mustMaySet(tx, caller, scope, id)
    await quota.setLimits(tx, scope, id, limits)
    const project_id = scope === 'project' ? id : null
    await event.record(tx, [
      { noun: 'quota', kind: 'changed', resource_id: id, project_id, ...by(caller), detail: limits },
    ])
    return read(tx, scope, id)
  })
}
