/**
 * The mark of a pool: a UUID in a file of its directory, made once for ever. Hosts that find the same mark share the pool, by
 * whichever file system (NFS, CephFS, GFS2, …). A host remembers the mark it found: another one, or none, in its place means
 * that the file system is not mounted, and that nothing may be made there.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../../ports.ts'
import { replaceFile, syncDirectory } from '../state-directory.ts'
import { isCode } from './image-fetch.ts'

export const pool_mark = 'croft-pool-id'
const remembered = 'pool-id'
const form = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface PoolMark {
  readonly id: string
  /** Throws Failure when the directory is not that of this pool now. */
  check(): Promise<void>
}

/** Finds or makes the mark. `state_directory`: where this host remembers it, not in the pool; the pool may be below. */
export async function poolMark(directory: string, state_directory: string): Promise<PoolMark> {
  const known = await read(join(state_directory, remembered))
  const id = known ?? (await read(join(directory, pool_mark))) ?? (await make(directory))
  if (known === null) await replaceFile(state_directory, remembered, `${id}\n`)
  return {
    id,
    async check() {
      const found = await read(join(directory, pool_mark))
      if (found === id) return
      const what = found === null ? 'has no mark' : `is the pool ${found}`
      throw new Failure(
        `The directory ${directory} ${what}, and this host's disks are in the pool ${id}: most likely its file system is not mounted. ` +
          `Mount it. If the pool was replaced on purpose, remove ${join(state_directory, remembered)} and restart the agent.`,
        { passing: true },
      )
    },
  }
}

async function read(file: string): Promise<string | null> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    if (form.test(text)) return text
    throw new Failure(`${file} is damaged: it should have one UUID. Restore it, or remove it where the pool is empty.`)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
}

/** Where the file system has no second names; no such one is shared by hosts. */
async function copyUnlessThere(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL).catch(error => {
    if (!isCode(error, 'EEXIST')) throw error
  })
}

/** Whole under another name first, then given its own, which fails when there is one: the first host wins, on NFS too. */
async function make(directory: string): Promise<string> {
  const id = randomUUID()
  const fresh = join(directory, `.${pool_mark}.${id}`)
  const handle = await open(fresh, 'wx', 0o644)
  try {
    await handle.writeFile(`${id}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(fresh, join(directory, pool_mark))
  } catch (error) {
    // Somebody else was first; or the answer to our own success was lost, which reading tells.
    if (isCode(error, 'EPERM') || isCode(error, 'ENOTSUP')) await copyUnlessThere(fresh, join(directory, pool_mark))
    else if (!isCode(error, 'EEXIST')) throw error
  } finally {
    await rm(fresh, { force: true })
  }
  await syncDirectory(directory)
  const made = await read(join(directory, pool_mark))
  if (made === null) throw new Error(`the mark of the pool ${directory} vanished as it was made`)
  return made
}
