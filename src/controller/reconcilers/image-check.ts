/** Whether an image's content is what was announced: by its checksum, and by its signature with a key that is trusted now. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readPublicKey, verifier } from '../../lib/signature.ts'
import { unsigned } from '../app/image-signature.ts'
import type { Cloud } from '../cloud.ts'
import { imageKey } from '../store/image-key.ts'
import type { ImageTask } from '../store/image-work.ts'
import { Refusal } from './image-refusal.ts'

export interface Signer {
  id: string
  name: string
  public_key: string
  signature: Uint8Array
  algorithm: string
}

/** Null: it is not signed, and need not be. Throws Refusal when it must, or when its key is not trusted any more. */
export async function signerOf(cloud: Cloud, task: ImageTask): Promise<Signer | null> {
  const { signature, signature_algorithm: algorithm, signing_key_id } = task
  if (!signature || algorithm === null || signing_key_id === null) {
    if (cloud.settings.at('image.require_signature', task)) throw new Refusal(unsigned, null)
    return null
  }
  const key = await imageKey.find(cloud.database.db, signing_key_id)
  if (!key) throw distrusted(task)
  return { id: key.id, name: key.name, public_key: key.public_key, signature, algorithm }
}

export function distrusted({ signing_key_name }: ImageTask): Refusal {
  return new Refusal(
    `The key '${signing_key_name}' that the image was signed with was deleted before the content was checked. ` +
      'Sign it with another key, and make a new image.',
    null,
  )
}

/** Reads the content once for both. A fetched file's checksum was compared as it came. */
export async function compareContent(
  path: string,
  task: ImageTask,
  signer: Signer | null,
  signal: AbortSignal,
): Promise<void> {
  const sum = task.expected_sha256 !== null && task.source_url === null ? createHash('sha256') : null
  const check = signer && verifier(readPublicKey(signer.public_key), signer.algorithm)
  if (!sum && !check) return
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    sum?.update(chunk as Buffer)
    check?.update(chunk as Buffer)
  }
  const sha256 = sum?.digest('hex')
  if (sha256 !== undefined && sha256 !== task.expected_sha256) {
    throw new Refusal(
      `What was uploaded has the SHA-256 checksum ${sha256}, not ${task.expected_sha256} as was announced. ` +
        'Check the file, and upload it to a new image.',
      null,
    )
  }
  if (signer && check && !check.isGood(signer.signature)) {
    throw new Refusal(
      `The content does not bear the signature that was given with it (${signer.algorithm}, key '${signer.name}'): the ` +
        'file is not the one that was signed, or another key or algorithm was used. Nothing of it is kept.',
      null,
    )
  }
}
