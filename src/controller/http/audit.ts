import { auditRoutes } from '../../api/audit.ts'
import { listAudit } from '../app/audit.ts'
import { verifyAudit } from '../app/audit-chain.ts'
import { answer, handle } from './handle.ts'

export const auditHandlers = [
  handle(auditRoutes.list, async ({ cloud, caller, query }) => answer(await listAudit(cloud, caller, query))),
  handle(auditRoutes.verify, async ({ cloud }) => answer(await verifyAudit(cloud))),
]
