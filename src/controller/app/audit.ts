/** The audit log: refusals written to it, and read, all of it by the system's administrators, their domains' part by those of domains. */
import type { AuditRow, auditRoutes } from '../../api/audit.ts'
import { allRoutes } from '../../api/index.ts'
import { paramsIn, type QueryOf, type Route, subjectOf } from '../../api/route.ts'
import type { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { audit } from '../store/audit.ts'
import type { Page } from '../store/page.ts'
import type { Caller } from './caller.ts'
import { namesFor, type Told } from './names.ts'
import { domainsWith } from './reach.ts'

/** A refused change leaves a row too: what someone tried counts as well as what they did. Never throws. */
export async function auditRefusal(cloud: Cloud, caller: Caller, error: CloudError): Promise<void> {
  // Of a failed sign-in, the account that was tried.
  const resource_id = typeof error.detail.account === 'string' ? error.detail.account : null
  const outcome = { outcome: error.status, error: error.code, resource_id }
  const domains = [caller.user_domain_id, caller.project_domain_id]
  await audit.recordAndTell(cloud.database.db, { caller, ...outcome }, domains).catch(cause => {
    cloud.log.error({ err: cause, request_id: caller.request.id }, 'a refusal could not be written to the audit log')
  })
}

export async function listAudit(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof auditRoutes.list>,
): Promise<Page<AuditRow>> {
  const { db } = cloud.database
  const { items, next } = await audit.list(db, domainsWith(caller, 'audit.read'), query)
  const names = await namesFor(db, caller, items.map(about))
  return { items: items.map(one => ({ ...one, resource_name: names.get(one.resource_id ?? '') ?? null })), next }
}

function about({ action, path, resource_id }: AuditRow): Told {
  const route = routeOf.get(action)
  return { noun: route ? subjectOf(route, paramsIn(route, path)).noun : '', id: resource_id }
}

const routeOf: ReadonlyMap<string, Route> = new Map(allRoutes.map(route => [route.name, route]))
