/**
 * The record of a volume that no instance has goes, with its quota and its room on a host: nothing is left of it, or its host
 * is gone. Not its job: deciding that. Those that go with an instance: instance-gone.ts.
 */
import type { Database, Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { operation } from '../store/operation.ts'
import { projectQuota } from '../store/project-quota.ts'
import { type VolumeRow, volume } from '../store/volume.ts'

/** A host says that nothing is left of volumes that it was to remove. Others are ignored: hosts are not trusted. */
export async function volumesGone(database: Database, host_id: string, ids: readonly string[]): Promise<void> {
  for (const id of await volume.leftOn(database.db, host_id, ids)) {
    await database.transaction(async tx => {
      const row = await volume.lock(tx, id)
      if (row?.host_id === host_id && row.deleted_at !== null) await takeOutVolume(tx, row)
    })
  }
}

/** Of a locked row. Quota first, then host: the order in which every transaction takes its locks. */
export async function takeOutVolume(tx: Tx, row: VolumeRow): Promise<void> {
  const { id, project_id, host_id, size_gib } = row
  await projectQuota.release(tx, project_id, { storage_gib: size_gib })
  if (host_id) await host.release(tx, [{ host_id, vcpus: 0, memory_mib: 0, disk_gib: size_gib }])
  await volume.remove(tx, id)
  await operation.endOn(tx, id, 'succeeded', null)
  await event.record(tx, [{ noun: 'volume', kind: 'deleted', resource_id: id, project_id }])
}
