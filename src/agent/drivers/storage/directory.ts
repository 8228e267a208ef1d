/**
 * Disks in a directory: qcow2 files, those with an image as copy-on-write overlays on the image cache, ephemeral and swap
 * disks formatted (empty-disk.ts). A CD-ROM is its image, by a second name that no eviction takes away. A disk is there as a
 * whole or not at all (temporary file, fsync, rename).
 *
 * Several hosts may share it: what is on its way carries its host's name, and nobody touches another's.
 * Overlays name their image relative to themselves (../images/…), so that the pool can be moved or mounted elsewhere.
 */
import { constants } from 'node:fs'
import { copyFile, link, mkdir, open as openFile, readdir, rm, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { WantedDisk, WantedInstance } from '../../../protocol/wanted.ts'
import { type Arrivals, Failure, type Log, type PreparedDisk, type ShowProgress, type Storage } from '../../ports.ts'
import { syncDirectory } from '../state-directory.ts'
import { createArrivals } from './arrivals.ts'
import {
  create,
  exists,
  fileOf,
  gib,
  type Making,
  putInPlace,
  sizeOf,
  temporaryEnding,
  temporaryOf,
} from './disk-files.ts'
import { readDiskHeader } from './disk-format.ts'
import { makeFormatted } from './empty-disk.ts'
import { createImageCache, type ImageCache } from './image-cache.ts'
import { type ImageSource, isCode } from './image-fetch.ts'
import { type PoolMark, pool_signs } from './pool-mark.ts'
import { qemuImg } from './program.ts'

export interface DirectoryPoolOptions {
  readonly directory: string
  readonly source: ImageSource
  readonly log: Log
  readonly cache_max_bytes?: number
  readonly reserve_bytes?: number
  /** Who writes here: part of the names of temporary files. */
  readonly host_id: string
  /** Without it the directory is taken for what it is. */
  readonly mark?: PoolMark
}

export interface PoolRoom {
  total_gib: number
  free_gib: number
  total_bytes: number
  free_bytes: number
}

/** What was found out of the folder when it was there first. */
export interface Opened {
  readonly direct_io: boolean
}

export interface DirectoryPool extends Storage {
  room(): Promise<PoolRoom>
  /** For instances that come from another host, or go to one. */
  readonly arrivals: Arrivals
}

export async function openDirectoryPool(options: DirectoryPoolOptions): Promise<DirectoryPool> {
  const { directory, source, log } = options
  const volumes = join(directory, 'volumes')
  const temporary = temporaryOf(options.host_id)
  const signs = join(directory, pool_signs)
  let opened: Promise<Opened> | null = null

  /** Before anything is written here, and before anything is said not to be here: where a pool is not mounted is an empty folder. */
  async function ready(): Promise<Opened> {
    await options.mark?.check()
    opened ??= openAs(options.host_id).catch((error: unknown) => {
      opened = null
      throw error
    })
    return opened
  }
  /** Before anything is done here, a sign for the others is. */
  async function openAs(host_id: string): Promise<Opened> {
    await leaveSign(signs, host_id)
    return open(volumes, temporary)
  }
  await ready().catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error
    log.error({ error, directory }, 'nothing is done in the pool until it is there')
  })
  const cache = createImageCache({
    directory: join(directory, 'images'),
    source,
    log,
    cache_max_bytes: options.cache_max_bytes ?? 20 * gib,
    reserve_bytes: options.reserve_bytes ?? gib / 4,
    host_id: options.host_id,
    inUse: () => imagesInUse(volumes, log),
  })

  async function prepareDisk(
    disk: WantedDisk,
    was_made: boolean,
    show: ShowProgress,
    signal: AbortSignal,
  ): Promise<PreparedDisk> {
    const { direct_io } = await ready()
    const path = join(volumes, fileOf(disk))
    if (disk.role === 'cdrom') {
      if (!(await exists(path))) await makeCdrom({ path, fresh: path + temporary }, disk, cache, show, signal)
      return { wanted: disk, path, format: 'raw', direct_io: false }
    }
    if (await exists(path)) await grow(path, sizeOf(disk))
    else if (was_made) throw lost(path)
    else await make({ path, fresh: path + temporary }, disk, cache, show, signal)
    return { wanted: disk, path, format: 'qcow2', direct_io }
  }

  return {
    arrivals: createArrivals({
      volumes,
      temporary,
      ready,
      cache,
      makeCdrom: (path, disk, show, signal) => makeCdrom({ path, fresh: path + temporary }, disk, cache, show, signal),
    }),
    async prepare(instance: WantedInstance, show, signal, made = []) {
      const prepared: PreparedDisk[] = []
      for (const disk of instance.disks) {
        prepared.push(await prepareDisk(disk, made.includes(disk.volume_id), show, signal))
      }
      return prepared
    },
    async remove(disks) {
      if (disks.length > 0) await ready()
      for (const disk of disks) await rm(join(volumes, fileOf(disk)), { force: true })
      if (disks.length > 0) await syncDirectory(volumes)
    },
    async present(volume_ids) {
      await ready()
      const there: string[] = []
      for (const volume_id of volume_ids) {
        if (await exists(join(volumes, fileOf({ volume_id, role: 'data' })))) there.push(volume_id)
      }
      return there
    },
    async isShared() {
      try {
        await ready()
      } catch (error) {
        if (error instanceof Failure) return true
        throw error
      }
      return (await readdir(signs)).some(one => one !== options.host_id)
    },
    async room() {
      const { blocks, bavail, bsize } = await statfs(directory)
      const [total_bytes, free_bytes] = [blocks * bsize, bavail * bsize]
      return {
        total_gib: Math.floor(total_bytes / gib),
        free_gib: Math.floor(free_bytes / gib),
        total_bytes,
        free_bytes,
      }
    },
  }
}

/** That this host reaches the pool; for good, as it may always come back. */
async function leaveSign(signs: string, host_id: string): Promise<void> {
  await mkdir(signs, { recursive: true, mode: 0o711 })
  if (await exists(join(signs, host_id))) return
  await (await openFile(join(signs, host_id), constants.O_CREAT | constants.O_WRONLY, 0o644)).close()
  await syncDirectory(signs)
}

/** Removes what this host left half made before. */
async function open(volumes: string, temporary: string): Promise<Opened> {
  await mkdir(volumes, { recursive: true, mode: 0o711 })
  for (const name of await readdir(volumes)) {
    // Without a host's name: of an older Croft, which shared with nobody.
    if (name.includes(temporary) || /^[^.]*(\.(qcow2|iso))?\.new/.test(name))
      await rm(join(volumes, name), { force: true })
  }
  return { direct_io: await takesDirectIo(volumes, temporary) }
}

function lost(path: string): Failure {
  return new Failure(
    `The disk ${path} was made on this host and is not there any more. Nothing is made in its place: mount the pool’s file system, or bring the file back; or delete the instance.`,
    { passing: true },
  )
}

async function make(
  making: Making,
  disk: WantedDisk,
  cache: ImageCache,
  show: ShowProgress,
  signal: AbortSignal,
): Promise<void> {
  const size_bytes = sizeOf(disk)
  if (disk.role === 'ephemeral' || disk.role === 'swap') {
    show('formatting disk', 0)
    await makeFormatted(making.fresh, disk.role, size_bytes)
    return putInPlace(making)
  }
  if (disk.image === null) return create(making, [], size_bytes)
  const { format } = disk.image
  await cache.withImage(
    disk.image,
    percent => show('fetching image', percent),
    signal,
    async image => {
      const { virtual_bytes } = await readDiskHeader(image)
      if (virtual_bytes > size_bytes) {
        const needed_gib = Math.ceil(virtual_bytes / gib)
        throw new Failure(
          `The image needs a disk of ${needed_gib} GiB and this one has ${disk.size_gib}. Choose a larger disk or flavor.`,
        )
      }
      show('cloning disk', 0)
      await create(making, ['-F', format, '-b', join('..', 'images', basename(image))], size_bytes)
      if (await exists(image)) return
      // Another host found nothing standing on it, just before this did.
      await rm(making.path, { force: true })
      throw new Failure('The image was evicted as a disk was made of it; it is fetched again.', { passing: true })
    },
  )
}

/** A hard link, so that the image's eviction from the cache leaves it alone; a copy where the file system has none. */
async function makeCdrom(
  making: Making,
  disk: WantedDisk,
  cache: ImageCache,
  show: ShowProgress,
  signal: AbortSignal,
): Promise<void> {
  if (disk.image === null) throw new Failure('The CD-ROM has no image. Delete the instance and make it again.')
  await cache.withImage(
    disk.image,
    percent => show('fetching image', percent),
    signal,
    async image => {
      const { fresh } = making
      await rm(fresh, { force: true })
      try {
        await link(image, fresh)
      } catch (error) {
        if (!isCode(error, 'EPERM') && !isCode(error, 'EMLINK') && !isCode(error, 'EXDEV')) throw error
        await copyFile(image, fresh, constants.COPYFILE_FICLONE)
      }
      await putInPlace(making)
    },
  )
}

/** Disks grow here, while their guest is off; they never shrink. */
async function grow(path: string, size_bytes: number): Promise<void> {
  const { virtual_bytes } = await readDiskHeader(path)
  if (virtual_bytes < size_bytes) await qemuImg(['resize', '-q', '-f', 'qcow2', path, String(size_bytes)])
}

/** Base names of all images that some volume stands on. A volume that cannot be read counts on nothing: keep everything then. */
async function imagesInUse(volumes: string, log: Log): Promise<ReadonlySet<string>> {
  const used = new Set<string>()
  for (const name of await readdir(volumes)) {
    try {
      const { backing_file } = await readDiskHeader(join(volumes, name))
      if (backing_file !== null) used.add(basename(backing_file))
    } catch (error) {
      // Another host is in the middle of making it, and looks for its image afterwards.
      if (isCode(error, 'ENOENT') || name.endsWith(temporaryEnding)) continue
      log.error({ volume: name, error }, 'a volume cannot be read, so no image is evicted')
      throw new Failure(`Room cannot be made on the host's pool: volume ${name} cannot be read.`, { cause: error })
    }
  }
  return used
}

async function takesDirectIo(directory: string, temporary: string): Promise<boolean> {
  const probe = join(directory, `probe${temporary}`)
  try {
    await (await openFile(probe, constants.O_CREAT | constants.O_RDWR | constants.O_DIRECT, 0o600)).close()
    return true
  } catch (error) {
    if (isCode(error, 'EINVAL')) return false
    throw error
  } finally {
    await rm(probe, { force: true })
  }
}
