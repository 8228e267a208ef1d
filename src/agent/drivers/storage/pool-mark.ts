/**
 * The mark of a pool: a UUID in a file of its directory, made once for ever. Hosts that find the same mark share the pool, by
 * whichever file system (NFS, CephFS, GFS2, …). A host remembers the mark it found: another one, or none, in its place means
 * that the file system is not mounted, and that nothing may be made there. Beside it lies a secret, by which a host shows the controller
 * that it reads the directory: the mark itself is known to many.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../../ports.ts'
import { replaceFile, syncDirectory } from '../state-directory.ts'
import { isCode } from './image-fetch.ts'

export const pool_mark = 'croft-pool-id'
export const pool_secret = 'croft-pool-secret'
/** The folder beside them in which each host that opens the pool leaves a file of its id: a sign for the others. */
export const pool_signs = 'hosts'
const remembered = 'pool-id'
const form = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const secretForm = /^[A-Za-z0-9_-]{43}$/

export interface PoolMark {
  readonly id: string
  /** Throws Failure when the directory is not that of this pool now. */
  check(): Promise<void>
  /** What only those know who read the directory; made when it is missing. Throws as check does. */
  secret(): Promise<string>
}

/** Finds or makes the mark. `state_directory`: where this host remembers it, not in the pool; the pool may be below. */
export async function poolMark(directory: string, state_directory: string): Promise<PoolMark> {
  const known = await read(join(state_directory, remembered))
  const id = known ?? (await read(join(directory, pool_mark))) ?? (await make(directory, marks))
  if (known === null) await replaceFile(state_directory, remembered, `${id}\n`)
  const check = async () => {
    const found = await read(join(directory, pool_mark))
    if (found === id) return
    const what = found === null ? 'has no mark' : `is the pool ${found}`
    throw new Failure(
      `The directory ${directory} ${what}, and this host's disks are in the pool ${id}: most likely its file system is not mounted. ` +
        `Mount it. If the pool was replaced on purpose, remove ${join(state_directory, remembered)} and restart the agent.`,
      { passing: true },
    )
  }
  return {
    id,
    check,
    async secret() {
      await check()
      return (await read(join(directory, pool_secret), secrets)) ?? (await make(directory, secrets))
    },
  }
}

/** A file of one word that is made once for all hosts. */
interface Once {
  readonly name: string
  readonly form: RegExp
  readonly mode: number
  fresh(): string
  readonly damaged: string
}

const marks: Once = {
  name: pool_mark,
  form,
  mode: 0o644,
  fresh: randomUUID,
  damaged: 'it should have one UUID. Restore it, or remove it where the pool is empty.',
}

const secrets: Once = {
  name: pool_secret,
  form: secretForm,
  mode: 0o600,
  fresh: () => randomBytes(32).toString('base64url'),
  damaged: 'it should have one word of 43 characters. Restore it.',
}

async function read(file: string, once = marks): Promise<string | null> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    if (once.form.test(text)) return text
    throw new Failure(`${file} is damaged: ${once.damaged}`)
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
async function make(directory: string, once: Once): Promise<string> {
  const word = once.fresh()
  const place = join(directory, once.name)
  const fresh = join(directory, `.${once.name}.${randomUUID()}`)
  const handle = await open(fresh, 'wx', once.mode)
  try {
    await handle.writeFile(`${word}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(fresh, place)
  } catch (error) {
    // Somebody else was first; or the answer to our own success was lost, which reading tells.
    if (isCode(error, 'EPERM') || isCode(error, 'ENOTSUP')) await copyUnlessThere(fresh, place)
    else if (!isCode(error, 'EEXIST')) throw error
  } finally {
    await rm(fresh, { force: true })
  }
  await syncDirectory(directory)
  const made = await read(place, once)
  if (made === null) throw new Error(`${place} vanished as it was made`)
  return made
}
