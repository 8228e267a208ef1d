/** Where images' contents are on the controllers: the kept ones, for who has to send them, and those on their way. */
import { open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cloud } from '../cloud.ts'
import { imageFile } from '../store/image-file.ts'

export interface ImageContent {
  path: string
  sha256: string
  format: string
}

/** Path of a kept image; null when there is none, or its content is not ready. */
export async function imageContent(cloud: Cloud, id: string): Promise<ImageContent | null> {
  const kept = await imageFile.find(cloud.database.db, id)
  return kept && { ...kept, path: imagePath(cloud.images.folder, id, kept.format) }
}

export function imagePath(folder: string, id: string, format: string): string {
  return join(folder, `${id}.${format}`)
}

/** Where what comes in is kept until it is checked; files that belong to an image begin with its id. */
export function incomingFolder(folder: string): string {
  return join(folder, 'incoming')
}

/** The content as it was sent or fetched. */
export function incomingPath(folder: string, id: string): string {
  return join(incomingFolder(folder), id)
}

/** What lies in a folder that may not be there yet. */
export async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Removes what there is of an image on its way; with `keep_content` only what unfinished work has left beside it. */
export async function clearIncoming(folder: string, id: string, keep_content = false): Promise<void> {
  const incoming = incomingFolder(folder)
  for (const name of await filesIn(incoming)) {
    if (name.startsWith(`${id}.`) || (name === id && !keep_content)) await rm(join(incoming, name), { force: true })
  }
}

/** Makes what was renamed in a folder survive a power cut. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}
