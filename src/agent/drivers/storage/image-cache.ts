/**
 * Images on this host, by their checksum: fetched from a controller once however many wait, resumed where a broken fetch ended,
 * checked, and evicted (least recently used first) only when no volume stands on them. The directory may be shared by hosts: each
 * fetches into a file of its own, and an image that got a volume while it was evicted is put back. What an image is used for
 * is directory.ts's business.
 */
import { createHash, type Hash } from 'node:crypto'
import { constants, createReadStream, renameSync } from 'node:fs'
import { access, mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { WantedDisk } from '../../../protocol/wanted.ts'
import { Failure, type Log } from '../../ports.ts'
import { syncDirectory } from '../state-directory.ts'
import { readDiskHeader } from './disk-format.ts'

export type WantedImage = NonNullable<WantedDisk['image']>

export interface ImageSource {
  /**
   * The image's bytes from `offset` on; `from` is where the answer really begins (0 when the server does not resume).
   * Rejects with Failure.
   */
  get(image_id: string, offset: number, signal: AbortSignal): Promise<{ from: number; body: Readable }>
}

export interface ImageCacheOptions {
  readonly directory: string
  /** Names the images that volumes stand on (base names in `directory`). */
  readonly inUse: () => Promise<ReadonlySet<string>>
  readonly source: ImageSource
  readonly log: Log
  /** Unused images beyond this are evicted. */
  readonly cache_max_bytes: number
  /** Part of the names of files that are being fetched. */
  readonly host_id: string
  /** Kept free on the file system for the guests' own writes. */
  readonly reserve_bytes: number
}

export interface ImageCache {
  /** The image's file, there and checked, for as long as `use` runs. */
  withImage<T>(
    image: WantedImage,
    show: (percent: number) => void,
    signal: AbortSignal,
    use: (path: string) => Promise<T>,
  ): Promise<T>
}

const checksumForm = /^[0-9a-f]{64}$/
const partialEnding = '.part'
/** Of another host, and not written to for so long: given up. */
const abandoned_ms = 24 * 3_600_000
/** No longer an image to anybody; only its bytes are still to be given back. */
const evicted = '.evicted'

interface Fetch {
  readonly done: Promise<string>
  readonly abort: AbortController
  readonly shows: Set<(percent: number) => void>
  waiting: number
}

export function createImageCache(options: ImageCacheOptions): ImageCache {
  const { directory, log } = options
  const partial = `.${options.host_id}${partialEnding}`
  const fetches = new Map<string, Fetch>()
  const pinned = new Map<string, number>()
  /** One for each look at the volumes under way: the images that were pinned at some moment of it. */
  const looks = new Set<Set<string>>()

  async function ensure(image: WantedImage): Promise<{ path: string; there: boolean }> {
    if (!checksumForm.test(image.sha256)) throw new Failure('The image has no valid SHA-256 checksum; upload it again.')
    await mkdir(directory, { recursive: true, mode: 0o711 })
    const path = join(directory, imageFile(image))
    const there = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    )
    return { path, there }
  }

  async function fetched(image: WantedImage, show: (percent: number) => void, signal: AbortSignal): Promise<string> {
    const { path, there } = await ensure(image)
    if (there) return path
    const key = basename(path)
    let fetch = fetches.get(key)
    // One that everybody gave up writes no more once it is settled; its partial file is this one's beginning.
    for (; fetch?.abort.signal.aborted === true; fetch = fetches.get(key)) await Promise.allSettled([fetch.done])
    fetch ??= begin(key, image, path)
    fetch.waiting++
    fetch.shows.add(show)
    const { promise: given_up, reject } = Promise.withResolvers<never>()
    const giveUp = () => reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      signal.throwIfAborted()
      return await Promise.race([fetch.done, given_up])
    } finally {
      signal.removeEventListener('abort', giveUp)
      fetch.shows.delete(show)
      if (--fetch.waiting === 0) fetch.abort.abort(new Error('nobody waits for this image any more'))
    }
  }

  function begin(key: string, image: WantedImage, path: string): Fetch {
    const abort = new AbortController()
    const shows = new Set<(percent: number) => void>()
    const show = (percent: number) => {
      for (const each of shows) each(percent)
    }
    const done = (async () => {
      try {
        await makeRoom(image.size_bytes)
        await download(options.source, image, { path, part: path + partial }, show, abort.signal)
        return path
      } finally {
        fetches.delete(key)
      }
    })()
    // Those who wait see the outcome; when all of them gave up, nobody needs it.
    done.catch((): void => undefined)
    const fetch: Fetch = { done, abort, shows, waiting: 0 }
    fetches.set(key, fetch)
    return fetch
  }

  async function makeRoom(size_bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(directory)
    let short_bytes = size_bytes + options.reserve_bytes - bavail * bsize
    let held_bytes = size_bytes - options.cache_max_bytes
    // A volume that was made while the others were read may have been missed: whatever was in use meanwhile stays.
    const meanwhile = new Set(pinned.keys())
    looks.add(meanwhile)
    try {
      const unused = await unusedImages()
      for (const each of unused) held_bytes += each.size_bytes
      for (const { path, size_bytes: freed_bytes } of unused) {
        if (short_bytes <= 0 && held_bytes <= 0) break
        // Nor what began to be fetched since: its partial file is being added to.
        if (meanwhile.has(basename(path)) || fetches.has(basename(path, partial))) continue
        log.info({ image: basename(path), freed_bytes }, 'evicting an image that no volume stands on')
        if (!(await evict(path, options.inUse))) continue
        short_bytes -= freed_bytes
        held_bytes -= freed_bytes
      }
    } finally {
      looks.delete(meanwhile)
    }
    if (short_bytes > 0) {
      throw new Failure(
        `The host's pool has no room for the image: ${mib(short_bytes)} MiB are missing. Free some, or use another host.`,
      )
    }
  }

  /** Least recently used first. */
  async function unusedImages(): Promise<{ path: string; size_bytes: number; used_ms: number }[]> {
    const used = await options.inUse()
    const found: { path: string; size_bytes: number; used_ms: number }[] = []
    for (const name of await readdir(directory)) {
      if (used.has(name) || pinned.has(name) || fetches.has(basename(name, partial))) continue
      const path = join(directory, name)
      const { size, mtimeMs } = await stat(path)
      if (isOthers(name, partial) && Date.now() - mtimeMs < abandoned_ms) continue
      found.push({ path, size_bytes: size, used_ms: mtimeMs })
    }
    return found.sort((a, b) => a.used_ms - b.used_ms)
  }

  return {
    async withImage(image, show, signal, use) {
      const name = imageFile(image)
      // Held against eviction from before it is there until a volume stands on it.
      pinned.set(name, (pinned.get(name) ?? 0) + 1)
      for (const look of looks) look.add(name)
      try {
        const path = await fetched(image, show, signal)
        const now = new Date()
        await utimes(path, now, now)
        return await use(path)
      } finally {
        const pins = (pinned.get(name) ?? 1) - 1
        if (pins === 0) pinned.delete(name)
        else pinned.set(name, pins)
      }
    },
  }
}

/**
 * Between the last look at the pins and this rename nothing else runs (so it must not wait for anything): who asks for the
 * image from now on does not find it any more, and fetches it.
 */
async function evict(path: string, inUse: ImageCacheOptions['inUse']): Promise<boolean> {
  const gone = path.endsWith(evicted) ? path : path + evicted
  const back = gone.slice(0, -evicted.length)
  if (gone !== path) renameSync(path, gone)
  // On another host a volume may have been made meanwhile: it looks for the image after that, as this looks for the volume.
  if ((await inUse()).has(basename(back))) {
    await rename(gone, back)
    return false
  }
  await rm(gone, { force: true })
  return true
}

/** Another host is fetching it, or did. */
function isOthers(name: string, partial: string): boolean {
  return name.endsWith(partialEnding) && !name.endsWith(partial)
}

export function imageFile(image: WantedImage): string {
  return `${image.sha256}.${image.format}`
}

async function download(
  source: ImageSource,
  image: WantedImage,
  { path, part }: { path: string; part: string },
  show: (percent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let hash = createHash('sha256')
  let have_bytes = await hashFile(part, hash)
  if (have_bytes > image.size_bytes) have_bytes = 0
  if (have_bytes < image.size_bytes) {
    signal.throwIfAborted()
    const { from, body } = await source.get(image.image_id, have_bytes, signal)
    if (from !== have_bytes || have_bytes === 0) hash = createHash('sha256')
    await append(part, from === have_bytes ? have_bytes : 0, body, hash, image, show, signal)
  }
  const got = hash.digest('hex')
  if (got !== image.sha256) {
    await rm(part, { force: true })
    throw new Failure(
      `The image arrived with checksum ${got.slice(0, 12)}… in place of ${image.sha256.slice(0, 12)}…, so it was thrown away. Check the image in the controller's store.`,
    )
  }
  await inspect(part, image)
  await rename(part, path)
  await syncDirectory(join(path, '..'))
}

/** What is there of a broken fetch, hashed; its length. */
async function hashFile(path: string, hash: Hash): Promise<number> {
  let bytes = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
  return bytes
}

async function append(
  part: string,
  at: number,
  body: Readable,
  hash: Hash,
  image: WantedImage,
  show: (percent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle = await open(part, at === 0 ? 'w' : 'a', 0o600)
  let bytes = at
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      bytes += chunk.length
      if (bytes > image.size_bytes) {
        throw new Failure('The controller sent more than the image has; it was thrown away. Upload the image again.')
      }
      await handle.appendFile(chunk)
      hash.update(chunk)
      show((100 * bytes) / image.size_bytes)
    }
    await handle.datasync()
  } catch (error) {
    if (error instanceof Failure) throw error
    if (isCode(error, 'ENOSPC')) {
      throw new Failure("The host's pool is full, so the image could not be fetched.", { elsewhere: true })
    }
    signal.throwIfAborted()
    throw new Failure('The fetch of the image broke off; it goes on where it ended.', { passing: true, cause: error })
  } finally {
    body.destroy()
    await handle.close()
  }
  if (bytes < image.size_bytes) {
    throw new Failure('The fetch of the image ended early; it goes on where it ended.', { passing: true })
  }
}

/** The controller looked at it too; but what QEMU opens here as root is this host's to refuse. */
async function inspect(path: string, image: WantedImage): Promise<void> {
  const header = await readDiskHeader(path)
  const lie =
    header.backing_file !== null
      ? 'names a backing file'
      : header.external_data_file
        ? 'names an external data file'
        : image.format === 'qcow2' && header.format !== 'qcow2'
          ? 'is not qcow2 as declared'
          : null
  if (lie === null) return
  await rm(path, { force: true })
  throw new Failure(`The image ${lie}, so it is refused. Convert it with qemu-img convert and upload it again.`)
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20)
}
