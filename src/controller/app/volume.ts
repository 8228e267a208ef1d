/**
 * Volumes: made, renamed, kept, deleted. Those of an instance come with it (instance-create.ts) and go with it
 * (instance-gone.ts), unless they are to be kept.
 */
import type { BodyOf, QueryOf, ReplyOf } from '../../api/route.ts'
import type { Volume, volumeRoutes } from '../../api/volume.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { OperationId, VolumeId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { pool } from '../store/pool.ts'
import { projectQuota } from '../store/project-quota.ts'
import { type VolumeRow, volume } from '../store/volume.ts'
import { mustBeFree } from '../store/held-volume.ts'
import { volumeSource } from './boot-source.ts'
import { by, type Caller, checkVersion, forbidden, mayOnSystem, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { takeOutVolume } from './volume-gone.ts'

export function listVolumes(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof volumeRoutes.list>,
): Promise<Page<Volume>> {
  return volume.list(cloud.database.db, visibleProject(caller, 'volume.read', query.all_projects), query)
}

export async function getVolume(cloud: Cloud, caller: Caller, id: string): Promise<Volume> {
  const found = await volume.find(cloud.database.db, id)
  if (!found || !maySee(caller, found)) throw notFound('volume', id)
  return found
}

function maySee(caller: Caller, found: { project_id: string }): boolean {
  return found.project_id === caller.project_id || mayOnSystem(caller, 'volume.read')
}

/** Takes no room on a host yet, only quota. Made by a user, so it outlives the instances that use it. */
export function createVolume(cloud: Cloud, caller: Caller, asked: BodyOf<typeof volumeRoutes.create>): Promise<Volume> {
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const source = await volumeSource(tx, project_id, asked)
    await projectQuota.charge(tx, project_id, { storage_gib: source.size_gib })
    const id = makeId<VolumeId>(cloud)
    await volume.insert(tx, { id, project_id, name: asked.name, role: 'data', keep: true, ...source })
    await record(tx, 'created', { id, project_id }, caller)
    return await shown(tx, id)
  })
}

export function updateVolume(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof volumeRoutes.update>,
): Promise<Volume> {
  return change(cloud, caller, async tx => {
    const row = await lockForChange(tx, caller, id)
    checkVersion(caller, row.version)
    if (row.deleted_at) throw new CloudError('wrong_state', `The volume ${row.name} is being deleted.`)
    if (asked.keep !== undefined && asked.keep !== row.keep) await checkKeep(tx, row, asked.keep)
    await volume.update(tx, id, asked)
    await record(tx, 'changed', row, caller)
    return await shown(tx, id)
  })
}

/** Its host was told, with the purge, which disks to keep: after that nothing changes it. */
async function checkKeep(tx: Tx, row: VolumeRow, keep: boolean): Promise<void> {
  if (row.role === 'ephemeral' || row.role === 'swap') {
    throw new CloudError(
      'invalid',
      `The volume ${row.name} is a disk of its instance's flavor (${row.role}): it goes with the instance. Root and data disks can be kept.`,
    )
  }
  if (row.instance_id === null) {
    if (keep) return
    throw new CloudError(
      'invalid',
      `No instance has the volume ${row.name}, so it stays until it is deleted: croft volume delete.`,
    )
  }
  const owner = await instance.lock(tx, row.instance_id)
  if (!owner?.purging) return
  throw new CloudError('wrong_state', `The instance ${owner.name} is being purged; its disks go or stay as was said.`)
}

/** One on no host is gone at once; others when their host has said so. */
export function deleteVolume(cloud: Cloud, caller: Caller, id: string): Promise<ReplyOf<typeof volumeRoutes.delete>> {
  return change(cloud, caller, async tx => {
    const row = await lockForChange(tx, caller, id)
    checkVersion(caller, row.version)
    if (row.instance_id !== null) {
      throw new CloudError(
        'in_use',
        `The volume ${row.name} is a disk of an instance, and goes or stays when that is purged. Delete the instance (croft instance delete --purge).`,
        { instance_id: row.instance_id },
      )
    }
    await mustBeFree(tx, row)
    const operation_id = makeId<OperationId>(cloud)
    await operation.start(tx, [
      {
        id: operation_id,
        project_id: row.project_id,
        ...by(caller),
        kind: 'volume.delete',
        noun: 'volume',
        resource_id: id,
        targets: [],
      },
    ])
    const before = await shown(tx, id)
    let after: Volume = { ...before, state: 'deleting' }
    if (row.host_id === null) await takeOutVolume(tx, row)
    else {
      if (row.deleted_at === null) await volume.markDeleted(tx, id)
      await record(tx, 'changed', row, caller)
      // Whichever host has its pool and answers can remove it.
      const elsewhere = (await pool.answers(tx, row.host_id)) ? null : await pool.neighbour(tx, row.host_id, true)
      if (elsewhere !== null) await pool.rehome(tx, [id], elsewhere)
      await event.wakeHosts(tx, [elsewhere ?? row.host_id])
      after = await shown(tx, id)
    }
    const started = await operation.find(tx, operation_id)
    if (!started) throw new Error('the operation just made is not there')
    return { volume: after, operation: started }
  })
}

/** Locks the volume, and its instance before it: what an instance is asked for locks it in this order too. */
async function lockForChange(tx: Tx, caller: Caller, id: string): Promise<VolumeRow> {
  const found = await volume.find(tx, id)
  if (!found || !maySee(caller, found)) throw notFound('volume', id)
  if (found.project_id !== caller.project_id && !mayOnSystem(caller, 'volume.manage'))
    throw forbidden('volume.manage', 'on the whole system')
  if (found.instance_id !== null) await instance.lock(tx, found.instance_id)
  const row = await volume.lock(tx, id)
  if (!row) throw notFound('volume', id)
  if (row.instance_id === found.instance_id) return row
  throw new CloudError('wrong_state', `The volume ${row.name} changed hands this moment. Look at it, and try again.`)
}

async function record(
  tx: Tx,
  kind: string,
  { id, project_id }: { id: string; project_id: string },
  caller: Caller,
): Promise<void> {
  await event.record(tx, [{ noun: 'volume', kind, resource_id: id, project_id, ...by(caller) }])
}

async function shown(tx: Tx, id: string): Promise<Volume> {
  const found = await volume.find(tx, id)
  if (!found) throw notFound('volume', id)
  return found
}
