/** The built-in image `tiny`: built on this machine and given to the controller like any other upload. */
import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../../config.ts'
import { buildOnce } from '../../images/build-once.ts'
import { BuildError, type BuiltImage } from '../../images/recipe.ts'
import { type Image, imageRoutes } from '../../api/image.ts'
import type { Client } from '../../sdk/node-client.ts'
import { uploadByTus } from '../../sdk/tus.ts'
import { HostError } from '../error.ts'
import type { Show } from '../step.ts'
import { until } from '../until.ts'

const ready_within_ms = 120_000

async function find(client: Client, name: string): Promise<Image | undefined> {
  const { items } = await client.call(imageRoutes.list, { query: { name } })
  return items.find(image => image.name === name && image.status !== 'failed')
}

/** Id of the image if it is there. */
export async function findTinyImage(client: Client): Promise<string | undefined> {
  return (await find(client, 'tiny'))?.id
}

/** Id of the image, ready for use. */
export async function ensureTinyImage(
  client: Client,
  config: Pick<Config, 'image_cache_dir'>,
  show: Show,
): Promise<string> {
  let found = await find(client, 'tiny')
  // An upload that was cut short, by us at an earlier time: its content may be of an older build.
  if (found?.status === 'waiting') {
    await client.call(imageRoutes.delete, { params: { image: found.id } })
    found = undefined
  }
  const id = found?.id ?? (await buildAndUpload(client, config, show))
  const isReady = async () => {
    const image = await client.call(imageRoutes.get, { params: { image: id } })
    if (image.status === 'failed')
      throw new HostError(`the image tiny was refused: ${image.failure ?? 'no reason given'}`)
    return image.status === 'ready' ? image : undefined
  }
  const ready = await until(client, isReady, ready_within_ms)
  if (!ready) throw new HostError(`the image tiny is not ready after ${ready_within_ms / 1000} s`)
  return id
}

async function buildAndUpload(client: Client, config: Pick<Config, 'image_cache_dir'>, show: Show): Promise<string> {
  const work_dir = config.image_cache_dir
  await mkdir(work_dir, { recursive: true })
  const built = await buildOnce('tiny', {
    work_dir,
    out: path.join(work_dir, 'tiny.qcow2'),
    on_progress: ({ step, fraction }) => show(step, fraction * 100),
  }).catch((error: unknown) => {
    throw error instanceof BuildError ? new HostError(error.message, undefined, { cause: error }) : error
  })
  show('uploading')
  const id = await upload(client, built)
  show('checking')
  return id
}

async function upload(client: Client, built: BuiltImage): Promise<string> {
  const { name, path: file, size_bytes, sha256, min_memory_mib } = built
  const properties = { architecture: 'x86_64', os: name, user: 'root' } as const
  const body = { name, visibility: 'public', size_bytes, sha256, min_memory_mib, properties } as const
  const { image, upload_url } = await client.call(imageRoutes.create, { body })
  if (upload_url === null) throw new HostError(`the controller gave no address to upload the image ${name} to`)
  await uploadByTus(client, { path: upload_url, size_bytes, read: start => createReadStream(file, { start }) })
  return image.id
}
