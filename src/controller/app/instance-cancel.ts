/** Taking a wish back: used when an operation is cancelled. */
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'

/** Makes 'stopped' wanted of instances that were to run, and wakes their hosts. */
export async function stopWanting(tx: Tx, instance_ids: readonly string[]): Promise<void> {
  for (const id of instance_ids.toSorted()) {
    const row = await instance.lock(tx, id)
    if (!row || row.deleted_at !== null || row.wanted_power === 'stopped') continue
    await instance.want(tx, id, { wanted_power: 'stopped' })
    await event.record(tx, [{ noun: 'instance', kind: 'changed', resource_id: id, project_id: row.project_id }])
    await event.wakeHosts(tx, [row.host_id])
  }
}
