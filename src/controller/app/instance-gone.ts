/**
 * An instance's record goes, with all that it held: quota, room on its host, addresses, disks' records. Only for what is
 * gone from its host, or whose host is gone. Not its job: deciding that.
 */
import type { Tx } from '../store/database.ts'
import type { NewEvent } from '../store/event.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import { quota } from '../store/quota.ts'
import { volume } from '../store/volume.ts'
import { releasePorts } from './instance-ports.ts'

/**
 * Quota first, then host, then addresses: the order in which every transaction takes its locks. `why` ends what still
 * waits for the instance. With `is_lost`, its host is gone, and no disk is kept. Returns the events, for the caller to record.
 */
export async function takeOut(tx: Tx, row: LockedInstance, why: string, is_lost = false): Promise<NewEvent[]> {
  const { id, project_id, host_id, vcpus, memory_mib } = row
  const left = await volume.leave(tx, id, is_lost)
  const owner = { project_id, domain_id: await instance.domainOf(tx, project_id) }
  // A deleted instance gave its share of these up when it was deleted.
  const compute = row.deleted_at === null ? { instances: 1, vcpus, memory_mib } : {}
  await quota.release(tx, owner, { storage_gib: left.gone_gib, ...compute })
  const claimed = row.compute_claimed ? { vcpus, memory_mib } : { vcpus: 0, memory_mib: 0 }
  await host.release(tx, [{ host_id, disk_gib: left.gone_gib + left.unplaced_gib, ...claimed }])
  const events = await releasePorts(tx, [id], null)
  await operation.cancelTargets(tx, [id], why)
  await instance.remove(tx, id)
  const volumes = [
    ...left.kept.map(resource_id => ({ noun: 'volume', kind: 'changed', resource_id, project_id })),
    ...left.gone.map(resource_id => ({ noun: 'volume', kind: 'deleted', resource_id, project_id })),
  ]
  return [...events, ...volumes, { noun: 'instance', kind: 'deleted', resource_id: id, project_id }]
}
