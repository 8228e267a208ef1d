/** Seals new rows of the audit log, one controller at a time, so that what is changed in it later shows. */
import { sealNext } from '../app/audit-chain.ts'
import type { Cloud } from '../cloud.ts'

/** One pass; true when there may be more. */
export function sealAudit(cloud: Pick<Cloud, 'database' | 'sealer'>): Promise<boolean> {
  return sealNext(cloud)
}
