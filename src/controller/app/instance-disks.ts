/** The disks of new instances. Not its job: what they are made of (boot-source.ts), and their end (instance-gone.ts). */
import type { VolumeId } from '../../model/ids.ts'
import { gibOf } from '../../model/volume.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { instance, type NewInstance } from '../store/instance.ts'
import { volume } from '../store/volume.ts'
import { type Boot, busOf } from './boot-source.ts'

/** A root disk for each, unless it has one already, and what its flavor adds. */
export async function insertDisks(
  tx: Tx,
  cloud: Cloud,
  made: readonly NewInstance[],
  boot: Boot,
  size: { ephemeral_gib: number; swap_mib: number },
): Promise<void> {
  const bus = boot.volume?.bus ?? busOf(boot.properties)
  const kinds = [
    { role: 'root', size_gib: boot.volume ? 0 : boot.disk_gib, size_mib: null, image_id: boot.root_image_id },
    { role: 'ephemeral', size_gib: size.ephemeral_gib, size_mib: null, image_id: null },
    { role: 'swap', size_gib: gibOf(size.swap_mib), size_mib: size.swap_mib, image_id: null },
  ] as const
  await instance.insertVolumes(
    tx,
    made.flatMap(({ id, project_id, host_id, name }) =>
      kinds
        .filter(kind => kind.size_gib > 0)
        .map(kind => ({
          id: makeId<VolumeId>(cloud),
          project_id,
          instance_id: id,
          host_id,
          name: `${name} ${kind.role}`,
          bus,
          ...kind,
        })),
    ),
  )
  const [first] = made
  if (boot.volume && first) await volume.bootFrom(tx, boot.volume.id, first.id, first.host_id)
}
