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
  // One that fails holds up none of the others; it is tried again with the next pass, and shows in the log until then.
  const failures = [...(await eachOf(cloud, due, wantPurged)), ...(await eachOf(cloud, gone, forget))]
  const [first] = failures
  if (first !== undefined) throw new AggregateError(failures, `${failures.length} instances could not be purged`)
  return due.length === batch || gone.length === batch
}

async function eachOf(
  cloud: Pick<Cloud, 'database'>,
  ids: readonly string[],
  work: (tx: Tx, id: string) => Promise<void>,
): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const id of ids) await cloud.database.transaction(tx => work(tx, id)).catch(error => failures.push(error))
  return failures
}

async function wantPurged(tx: Tx, id: string): Promise<void> {
  const row = await instance.lock(tx, id)
  // It may have been recovered meanwhile.
  if (!row || row.purging || row.purge_at === null) return
  await instance.want(tx, id, { purging: true })
  await event.record(tx, [{ noun: 'instance', kind: 'changed', resource_id: id, project_id: row.project_id }])
  await event.wakeHosts(tx, [row.host_id])
}

async function forget(tx: Tx, id: string): Promise<void> {
  const row = await instance.lock(tx, id)
  if (!row?.purging) return
  await event.record(tx, await takeOut(tx, row, 'the instance is gone'))
  await event.wakeHosts(tx, [row.host_id])
}
