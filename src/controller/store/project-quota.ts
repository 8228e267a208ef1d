/** Quota of one project, whose domain is looked up: for what is made in and taken from projects that the caller may not be in. */
import type { QuotaCharge } from '../../model/quota.ts'
import type { Tx } from './database.ts'
import { quota } from './quota.ts'

async function ownerOf(tx: Tx, project_id: string): Promise<{ project_id: string; domain_id: string }> {
  const { domain_id } = await tx
    .selectFrom('project')
    .select('domain_id')
    .where('id', '=', project_id)
    .executeTakeFirstOrThrow()
  return { project_id, domain_id }
}

async function charge(tx: Tx, project_id: string, amounts: QuotaCharge): Promise<void> {
  await quota.charge(tx, await ownerOf(tx, project_id), amounts)
}

async function release(tx: Tx, project_id: string, amounts: QuotaCharge): Promise<void> {
  await quota.release(tx, await ownerOf(tx, project_id), amounts)
}

export const projectQuota = { charge, release }
