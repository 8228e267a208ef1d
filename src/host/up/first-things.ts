/**
 * Remembers what `up` has made for a new cloud, so that it makes it once: what its owner deletes stays deleted.
 * Not its job: making it (first-cloud.ts, image.ts).
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../../config.ts'
import { isErrno } from '../../lib/process.ts'

export type FirstThing = 'image' | 'network' | 'key-pair' | 'guest'

export type FirstThings = {
  /** `make` if it was never made in this cloud; else `find`, which gives undefined for what is gone. */
  once<T>(thing: FirstThing, make: () => Promise<T>, find: () => Promise<T | undefined>): Promise<T | undefined>
}

type Kept = { project_id: string; made: FirstThing[] }

/** `project_id`: of the cloud's first project, which tells this cloud from one that was on this machine before. */
export async function firstThings(config: Pick<Config, 'state_dir'>, project_id: string): Promise<FirstThings> {
  const file = path.join(config.state_dir, 'first-cloud.json')
  const kept = await read(file)
  const made = new Set(kept?.project_id === project_id ? kept.made : [])
  return {
    async once(thing, make, find) {
      if (made.has(thing)) return await find()
      const result = await make()
      made.add(thing)
      const now: Kept = { project_id, made: [...made] }
      await writeFile(`${file}.new`, `${JSON.stringify(now)}\n`, { mode: 0o600 })
      await rename(`${file}.new`, file)
      return result
    },
  }
}

async function read(file: string): Promise<Kept | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Kept
  } catch (error) {
    // Half a file cannot be: it is replaced whole. One that somebody broke is as good as none.
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}
