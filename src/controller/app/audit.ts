/** Reading the audit log: all of it for the system's administrators, their domains' part for those of domains. */
import type { AuditRow, auditRoutes } from '../../api/audit.ts'
import type { QueryOf } from '../../api/route.ts'
import type { Cloud } from '../cloud.ts'
import { audit } from '../store/audit.ts'
import type { Page } from '../store/page.ts'
import type { Caller } from './caller.ts'
import { domainsWith } from './reach.ts'

export function listAudit(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof auditRoutes.list>,
): Promise<Page<AuditRow>> {
  return audit.list(cloud.database.db, domainsWith(caller, 'audit.read'), query)
}
