/** Quota of one project, whose domain is looked up: for what is made in and taken from projects that the caller may not be in. */
import { plus, type QuotaCharge } from '../../model/quota.ts'
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

/** Takes back what was charged to several projects. */
async function releaseAll(tx: Tx, given: readonly { project_id: string; amounts: QuotaCharge }[]): Promise<void> {
  const sums = new Map<string, QuotaCharge>()
  for (const { project_id, amounts } of given) sums.set(project_id, plus(sums.get(project_id) ?? {}, amounts))
  // In the order of ids: two transactions that touch the same projects never wait for each other in a circle.
  for (const [project_id, amounts] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1))) {
    await release(tx, project_id, amounts)
  }
}

export const projectQuota = { charge, release, releaseAll }
