/** A host takes itself out of the cloud, by its own certificate: only when nothing is on it any more, so that nobody loses anything. */
import { CloudError } from '../../model/errors.ts'
import { counted } from '../../model/words.ts'
import type { Cloud } from '../cloud.ts'
import { channels } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { migration } from '../store/migration.ts'
import { pool } from '../store/pool.ts'
import { volume } from '../store/volume.ts'
import { leaveLoose } from './host-remove.ts'

/** Its certificate is good no longer afterwards. Throws in_use while it holds instances, volumes, or what the database does not know. */
export async function leaveHost(cloud: Cloud, id: string): Promise<void> {
  await cloud.database.transaction(async tx => {
    await pool.lockOfHost(tx, id)
    const known = await host.lock(tx, id)
    // Removed at the same moment: that is what it wants.
    if (!known) return
    await leaveLoose(tx, id)
    await host.lockWhole(tx, id)
    const instances = await host.instanceCount(tx, id)
    const volumes = await volume.looseCount(tx, id)
    const moves = (await migration.openOfHost(tx, id)).length
    if (moves > 0) {
      throw new CloudError(
        'in_use',
        `The host ${known.name} still has a part in ${counted(moves, 'migration')}: wait for their end (croft migration list --host ${known.name} --open).`,
        { migrations: moves },
      )
    }
    const unsettled = (await host.find(tx, id))?.disagreements.length ?? 0
    if (instances + volumes + unsettled > 0) {
      throw new CloudError(
        'in_use',
        `The host ${known.name} still holds ${counted(instances, 'instance')} (deleted ones count until they are purged), ${counted(volumes, 'volume')} that ` +
          `no instance has, and ${counted(unsettled, 'thing')} to be settled after a restore. Move or delete them first: croft instance list --host ${known.name} --all-projects.`,
        { instances, volumes, unsettled },
      )
    }
    await host.remove(tx, id)
    const detail = { reason: 'left' }
    await event.record(tx, [{ noun: 'host', kind: 'deleted', resource_id: id, project_id: null, detail }])
    await event.notify(tx, channels.network, '')
    await event.notify(tx, channels.host, id)
  })
}
