/**
 * Images on this host, by their checksum: fetched from a controller once however many wait, resumed where a broken fetch ended,
 * checked, and evicted (least recently used first) only when no volume stands on them. The directory may be shared by hosts: each
 * fetches into a file of its own, and an image that got a volume while it was evicted is put back. How one is fetched is
 * image-fetch.ts's business, what it is used for directory.ts's.
 */
import { constants, renameSync } from 'node:fs'
import { access, mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Failure, type Log } from '../../ports.ts'
import { downloadImage, type ImageSource, type WantedImage } from './image-fetch.ts'

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
        await downloadImage(options.source, image, { path, part: path + partial }, show, abort.signal)
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

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20)
}
