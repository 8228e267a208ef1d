/** Quota of projects, whose domains are looked up: for what is made in and taken from projects that the caller may not be in. */
import { sql } from 'kysely'
import type { QuotaCharge } from '../../model/quota.ts'
import type { Tx } from './database.ts'
import { quota, type Share } from './quota.ts'

interface Amounts {
  project_id: string
  amounts: QuotaCharge
}

async function shares(tx: Tx, given: readonly Amounts[]): Promise<Share[]> {
  const ids = [...new Set(given.map(one => one.project_id))]
  const rows = await tx
    .selectFrom('project')
    .select(['id', 'domain_id'])
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .execute()
  const domains = new Map(rows.map(row => [row.id, row.domain_id]))
  return given.map(one => {
    const domain_id = domains.get(one.project_id)
    if (!domain_id) throw new Error(`there is no project ${one.project_id}`)
    return { ...one, domain_id }
  })
}

async function charge(tx: Tx, project_id: string, amounts: QuotaCharge): Promise<void> {
  await chargeAll(tx, [{ project_id, amounts }])
}

/** Everywhere or nowhere: quota.chargeAll. */
async function chargeAll(tx: Tx, given: readonly Amounts[]): Promise<void> {
  await quota.chargeAll(tx, await shares(tx, given))
}

async function release(tx: Tx, project_id: string, amounts: QuotaCharge): Promise<void> {
  await releaseAll(tx, [{ project_id, amounts }])
}

/** Takes back what was charged to several projects. */
async function releaseAll(tx: Tx, given: readonly Amounts[]): Promise<void> {
  await quota.releaseAll(tx, await shares(tx, given))
}

export const projectQuota = { charge, chargeAll, release, releaseAll }
