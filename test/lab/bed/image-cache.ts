/**
 * The image that guests of lab tests are made of. Test hosts have no way outside, so it is built on the machine, once, and
 * kept in the checkout for the next runs; `croft up` on a test host then finds it built.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { buildOnce } from '../../../src/images/build-once.ts'
import { checkout } from './namespace.ts'

/** For `croft up`: the environment that names the folder. */
export async function imageCache(): Promise<Readonly<Record<string, string>>> {
  const work_dir = join(checkout, '.state', 'images')
  await mkdir(work_dir, { recursive: true })
  await buildOnce('tiny', { work_dir, out: join(work_dir, 'tiny.qcow2') })
  return { CROFT_IMAGE_CACHE_DIR: work_dir }
}
