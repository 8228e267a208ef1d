/** Where an image's content is kept on the controller, for who has to send it. */
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
