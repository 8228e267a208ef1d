/**
 * Takes deleted instances out for good: those whose time for recovery is over are wanted 'purged'; those of which their
 * host has reported that nothing is left go from the database, with their disks, addresses, claims and quota.
 */
import type { Cloud } from '../cloud.ts'
import { takeOut } from '../app/instance-gone.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'

const batch = 100

/** One pass; true when there may be more. */
export async function purge(cloud: Pick<Cloud, 'database'>): Promise<boolean> {
  const { db } = cloud.database
  const due = await instance.dueForPurge(db, batch)
  const gone = await instance.goneFromHosts(db, batch)
  const failures = [...(await together(cloud, due, wantPurged)), ...(await together(cloud, gone, forget))]
  const [first] = failures
  if (first !== undefined) throw new AggregateError(failures, `${failures.length} instances could not be purged`)
  return due.length === batch || gone.length === batch
}

type Work = (tx: Tx, ids: readonly string[]) => Promise<void>

/**
 * All in one transaction, or, when that fails, each in its own: one that fails holds up none of the others. It is tried again
 * with the next pass, and shows in the log until then. Returns why some failed.
 */
async function together(cloud: Pick<Cloud, 'database'>, ids: readonly string[], work: Work): Promise<unknown[]> {
  if (ids.length === 0) return []
  try {
    await cloud.database.transaction(tx => work(tx, ids))
    return []
  } catch (error) {
    if (ids.length === 1) return [error]
    const failures: unknown[] = []
    for (const id of ids) failures.push(...(await together(cloud, [id], work)))
    return failures
  }
}

async function wantPurged(tx: Tx, ids: readonly string[]): Promise<void> {
  // Some may have been recovered meanwhile, and even deleted anew.
  const locked = await instance.lockAll(tx, ids)
  const due = new Set(await instance.dueForPurge(tx, ids.length, ids))
  const rows = locked.filter(row => due.has(row.id))
  await instance.want(
    tx,
    rows.map(row => row.id),
    { purging: true },
  )
  await event.record(
    tx,
    rows.map(row => ({ noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id })),
    rows.map(row => row.host_id),
  )
}

async function forget(tx: Tx, ids: readonly string[]): Promise<void> {
  const locked = await instance.lockAll(tx, ids)
  const gone = new Set(await instance.goneFromHosts(tx, ids.length, ids))
  const rows = locked.filter(row => gone.has(row.id))
  await event.record(
    tx,
    await takeOut(tx, rows, 'the instance is gone'),
    rows.map(row => row.host_id),
  )
}
