/** The built-in image `tiny`: built on this machine and given to the controller like any other upload. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../../config.ts'
import { buildOnce } from '../../images/build-once.ts'
import { BuildError, type BuiltImage } from '../../images/recipe.ts'
import type { Api } from '../api.ts'
import { HostError } from '../error.ts'
import type { Show } from '../step.ts'

type Image = { id: string; name: string; status: string; failure: string | null }

/** Hands a file to the API and gives the id of the image that it becomes. */
export type Upload = (api: Api, image: BuiltImage, show: Show) => Promise<string>

const ready_within_ms = 120_000

async function find(api: Api, name: string): Promise<Image | undefined> {
  const { items } = await api.call<{ items: Image[] }>('GET', `/v1/images?name=${name}`)
  return items.find(image => image.name === name && image.status !== 'failed')
}

/** Id of the image if it is there. */
export async function findTinyImage(api: Api): Promise<string | undefined> {
  return (await find(api, 'tiny'))?.id
}

/** Id of the image, ready for use. */
export async function ensureTinyImage(
  api: Api,
  config: Pick<Config, 'image_cache_dir'>,
  upload: Upload,
  show: Show,
): Promise<string> {
  let found = await find(api, 'tiny')
  // An upload that was cut short, by us at an earlier time: its content may be of an older build.
  if (found?.status === 'waiting') {
    await api.call('DELETE', `/v1/images/${found.id}`)
    found = undefined
  }
  const id = found?.id ?? (await buildAndUpload(api, config, upload, show))
  const ready = await api.until(async () => {
    const image = await api.call<Image>('GET', `/v1/images/${id}`)
    if (image.status === 'failed')
      throw new HostError(`the image tiny was refused: ${image.failure ?? 'no reason given'}`)
    return image.status === 'ready' ? image : undefined
  }, ready_within_ms)
  if (!ready) throw new HostError(`the image tiny is not ready after ${ready_within_ms / 1000} s`)
  return id
}

async function buildAndUpload(
  api: Api,
  config: Pick<Config, 'image_cache_dir'>,
  upload: Upload,
  show: Show,
): Promise<string> {
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
  return await upload(api, built, show)
}
