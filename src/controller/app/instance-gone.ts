/**
 * Instances' records go, with all that they held: quota, room on their hosts, addresses, disks' records. Only for what is
 * gone from its host, or whose host is gone. Not its job: deciding that.
 */
import type { Tx } from '../store/database.ts'
import { event, type NewEvent } from '../store/event.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { operation } from '../store/operation.ts'
import { projectQuota } from '../store/project-quota.ts'
import { type Left, volume } from '../store/volume.ts'
import { releasePorts } from './instance-ports.ts'

/**
 * Quota first, then hosts, then addresses: the order in which every transaction takes its locks. `why` ends what still
 * waits for the instances. With `is_lost`, their host is gone, and no disk is kept. Returns the events, for the caller to record.
 */
export async function takeOut(
  tx: Tx,
  rows: readonly LockedInstance[],
  why: string,
  is_lost = false,
): Promise<NewEvent[]> {
  const ids = rows.map(row => row.id)
  if (ids.length === 0) return []
  const left = await volume.leave(tx, ids, is_lost)
  const leftOf = (row: LockedInstance): Left => left.get(row.id) ?? { kept: [], gone: [], gone_gib: 0, unplaced_gib: 0 }
  await projectQuota.releaseAll(
    tx,
    rows.map(row => {
      // A deleted instance gave its share of these up when it was deleted.
      const compute = row.deleted_at === null ? { instances: 1, vcpus: row.vcpus, memory_mib: row.memory_mib } : {}
      return { project_id: row.project_id, amounts: { storage_gib: leftOf(row).gone_gib, ...compute } }
    }),
  )
  await host.release(
    tx,
    rows.map(row => ({
      host_id: row.host_id,
      disk_gib: leftOf(row).gone_gib + leftOf(row).unplaced_gib,
      vcpus: row.compute_claimed ? row.vcpus : 0,
      memory_mib: row.compute_claimed ? row.memory_mib : 0,
    })),
  )
  const events = await releasePorts(tx, ids, null)
  await operation.cancelTargets(tx, ids, why)
  await tellHeldBack(tx, rows)
  await instance.remove(tx, ids)
  return [...events, ...rows.flatMap(row => eventsOf(row, leftOf(row)))]
}

/** While it was not known where they belong, nobody was told anything of their moves: hosts that are to clear what they made ready are told now. */
async function tellHeldBack(tx: Tx, rows: readonly LockedInstance[]): Promise<void> {
  const ids = rows.flatMap(row => (row.held_generation === null ? [] : row.id))
  if (ids.length > 0) await event.wakeHosts(tx, await migration.hostsOf(tx, ids))
}

function eventsOf({ id, project_id }: LockedInstance, { kept, gone }: Left): NewEvent[] {
  return [
    ...kept.map(resource_id => ({ noun: 'volume', kind: 'changed', resource_id, project_id })),
    ...gone.map(resource_id => ({ noun: 'volume', kind: 'deleted', resource_id, project_id })),
    { noun: 'instance', kind: 'deleted', resource_id: id, project_id },
  ]
}
