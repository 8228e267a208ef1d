/** Taking a wish back: used when an operation is cancelled. */
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'

/** Makes 'stopped' wanted of instances that were to run, and wakes their hosts. */
export async function stopWanting(tx: Tx, instance_ids: readonly string[]): Promise<void> {
  const rows = (await instance.lockAll(tx, instance_ids)).filter(
    row => row.deleted_at === null && row.wanted_power === 'running',
  )
  await instance.want(
    tx,
    rows.map(row => row.id),
    { wanted_power: 'stopped' },
  )
  await event.record(
    tx,
    rows.map(row => ({ noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id })),
    rows.map(row => row.host_id),
  )
}
