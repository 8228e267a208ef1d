/**
 * Fetches one image from a controller into a file: on from where a broken fetch ended, never more than it has, checked by its
 * checksum and for what QEMU must not open. Who waits for it, and what gives way to it, is image-cache.ts's.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { WantedDisk } from '../../../protocol/wanted.ts'
import { Failure } from '../../ports.ts'
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

/** `path`: where it is when it is whole; `part`: until then. Throws Failure. */
export async function downloadImage(
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
