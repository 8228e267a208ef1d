/**
 * Disks of instances that come from another host, or go to one. For a guest that runs, blank disks that QEMU fills (its NBD server
 * is behind them); for one that is off, files under a name of their own, until they are whole and have been looked at. Volumes
 * in a pool that both hosts have are found here as they are.
 */
import { rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { WantedDisk, WantedInstance } from '../../../protocol/wanted.ts'
import { type Arrivals, Failure, type PreparedDisk, type ShowProgress } from '../../ports.ts'
import { syncDirectory } from '../state-directory.ts'
import { create, exists, fileOf, sizeOf } from './disk-files.ts'
import { readDiskHeader } from './disk-format.ts'
import { type ImageCache, imageFile } from './image-cache.ts'

/** qcow2's own tables beside the content, generously. */
const tables_bytes = 64 * 2 ** 20

export interface ArrivalsOptions {
  readonly volumes: string
  /** Ends the names of files that are not whole yet. */
  readonly temporary: string
  /** Rejects while the pool's folder is not there, as where it is not mounted. */
  ready(): Promise<{ readonly direct_io: boolean }>
  readonly cache: ImageCache
  makeCdrom(path: string, disk: WantedDisk, show: ShowProgress, signal: AbortSignal): Promise<void>
}

type Kind = 'live' | 'cold'

export function createArrivals({ volumes, temporary, ready, cache, makeCdrom }: ArrivalsOptions): Arrivals {
  const pathOf = (disk: WantedDisk) => join(volumes, fileOf(disk))
  const arrivingPathOf = (disk: WantedDisk, kind: Kind) =>
    kind === 'live' ? pathOf(disk) : `${pathOf(disk)}.arriving${temporary}`

  /** Blank, and standing on the image of this name in the cache, where one is given. */
  async function blank(disk: WantedDisk, kind: Kind, image: { name: string; format: string } | null): Promise<void> {
    const backing = image === null ? [] : ['-F', image.format, '-b', join('..', 'images', image.name)]
    const path = arrivingPathOf(disk, kind)
    await create({ path, fresh: path + temporary }, backing, sizeOf(disk))
  }

  /** Standing on its image, if that can still be had: what is gone from the controller's store may go on in disks. */
  async function blankOnImage(disk: WantedDisk, kind: Kind, show: ShowProgress, signal: AbortSignal): Promise<void> {
    const { image } = disk
    if (image === null || disk.role === 'ephemeral' || disk.role === 'swap') return blank(disk, kind, null)
    try {
      await cache.withImage(
        image,
        percent => show('fetching image', percent),
        signal,
        path => blank(disk, kind, { name: basename(path), format: image.format }),
      )
    } catch (error) {
      if (!(error instanceof Failure) || error.passing) throw error
      await blank(disk, kind, null)
    }
  }

  function disksIn(instance: WantedInstance, ids: ReadonlySet<string>): WantedDisk[] {
    return instance.disks.filter(disk => disk.role !== 'cdrom' && ids.has(disk.volume_id))
  }

  function find(instance: WantedInstance, volume_id: string): WantedDisk {
    const disk = disksIn(instance, new Set([volume_id]))[0]
    if (disk === undefined)
      throw new Failure(`The source sends a volume that the instance does not have (${volume_id}).`)
    return disk
  }

  async function imageUnder(path: string): Promise<string | null> {
    const { backing_file } = await readDiskHeader(path)
    return backing_file === null ? null : basename(backing_file)
  }

  return {
    async prepare(instance, copied, kind, show, signal) {
      await ready()
      for (const disk of instance.disks) {
        const path = pathOf(disk)
        if (disk.role === 'cdrom') {
          if (!(await exists(path))) await makeCdrom(path, disk, show, signal)
        } else if (copied.has(disk.volume_id)) {
          await rm(arrivingPathOf(disk, kind), { force: true })
          await blankOnImage(disk, kind, show, signal)
        } else if (!(await exists(path))) {
          throw new Failure(
            `The volume ${disk.volume_id} should be in a pool that both hosts share, but ${path} is not there. Mount the pool on this host too, or move to another one.`,
          )
        }
      }
    },

    async fit(instance, sent, kind) {
      await ready()
      let same = true
      for (const { volume_id, virtual_bytes, image } of sent) {
        const disk = find(instance, volume_id)
        if (virtual_bytes !== sizeOf(disk)) {
          throw new Failure(
            `The volume ${volume_id} has ${virtual_bytes} bytes on the source and ${sizeOf(disk)} are wanted. Stop the instance and start it once, so that it grows; then move it.`,
          )
        }
        if ((await imageUnder(arrivingPathOf(disk, kind))) === image) continue
        if (image !== null && kind === 'cold') {
          throw new Failure(
            `The volume ${volume_id} stands on an image that is not to be had for this host any more. Start the instance and move it while it runs: then all of it is copied.`,
          )
        }
        await blank(disk, kind, null)
        same &&= image === null
      }
      return same
    },

    async files(instance, sent) {
      await ready()
      return sent.map(({ volume_id }) => {
        const disk = find(instance, volume_id)
        const bytes_max = Math.ceil(sizeOf(disk) * 1.01) + tables_bytes
        return { volume_id, path: arrivingPathOf(disk, 'cold'), bytes_max }
      })
    },

    async settle(instance, copied) {
      await ready()
      const disks = disksIn(instance, copied)
      for (const disk of disks) await inspect(arrivingPathOf(disk, 'cold'), disk)
      for (const disk of disks) await rename(arrivingPathOf(disk, 'cold'), pathOf(disk))
      await syncDirectory(volumes)
    },

    async located(instance) {
      const { direct_io } = await ready()
      const found: PreparedDisk[] = []
      for (const disk of instance.disks) {
        const path = pathOf(disk)
        if (!(await exists(path))) throw new Failure(`The disk ${path} is not there.`, { passing: true })
        const cdrom = disk.role === 'cdrom'
        found.push({ wanted: disk, path, format: cdrom ? 'raw' : 'qcow2', direct_io: !cdrom && direct_io })
      }
      return found
    },

    async leaving(instance, copied) {
      const disks = disksIn(instance, copied)
      return Promise.all(
        disks.map(async disk => {
          const path = pathOf(disk)
          const { virtual_bytes } = await readDiskHeader(path)
          const { size: file_bytes } = await stat(path)
          return { volume_id: disk.volume_id, virtual_bytes, file_bytes, image: await imageUnder(path), path }
        }),
      )
    },

    async drop(instance) {
      for (const disk of instance.disks) await rm(arrivingPathOf(disk, 'cold'), { force: true })
    },
  }

  /** A host that lies must not make QEMU here open what it names: only the image that was wanted may be below. */
  async function inspect(path: string, disk: WantedDisk): Promise<void> {
    const { format, virtual_bytes, backing_file, external_data_file } = await readDiskHeader(path)
    const below = disk.image === null ? null : join('..', 'images', imageFile(disk.image))
    const right = backing_file === null || backing_file === below
    if (format !== 'qcow2' || external_data_file || !right || virtual_bytes !== sizeOf(disk)) {
      throw new Failure(
        `The volume ${disk.volume_id} came as a file that is not the disk that was wanted; it is thrown away.`,
      )
    }
  }
}
