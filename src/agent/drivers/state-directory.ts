/**
 * The agent's memory on local disk: folders of small JSON files, each replaced as a whole. A write is a temporary file, its
 * fsync, a rename, and one fsync of the folder for the batch: after a power cut a value is the old one or the new one.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log, State, StateFolder } from '../ports.ts'

const ending = '.json'
const temporary = '.tmp'
const nameForm = /^[A-Za-z0-9_-]{1,100}$/

export function createStateDirectory(directory: string, log: Log): State {
  const folders = new Map<string, StateFolder>()
  return {
    folder(name) {
      const folder = folders.get(name) ?? createFolder(join(directory, name), log)
      folders.set(name, folder)
      return folder
    },
  }
}

function createFolder(path: string, log: Log): StateFolder {
  let made: Promise<unknown> | null = null
  // Two batches may name the same value: one at a time keeps their order.
  let queue: Promise<void> = Promise.resolve()
  const make = () => (made ??= mkdir(path, { recursive: true, mode: 0o700 }))
  return {
    async read() {
      await make()
      const values = new Map<string, unknown>()
      for (const file of await readdir(path)) {
        // What a power cut left half-written.
        if (file.endsWith(temporary)) await rm(join(path, file), { force: true })
        if (!file.endsWith(ending)) continue
        const value = await readValue(join(path, file), log)
        if (value !== undefined) values.set(file.slice(0, -ending.length), value)
      }
      return values
    },
    write(changes) {
      const mine = queue.then(async () => {
        await make()
        await Promise.all(changes.map(({ name, value }) => replace(path, name, value)))
        if (changes.length > 0) await syncDirectory(path)
      })
      queue = mine.catch((): void => undefined)
      return mine
    },
  }
}

async function readValue(file: string, log: Log): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    log.error({ file, error }, 'a state file cannot be read; going on without it')
    return undefined
  }
}

async function replace(path: string, name: string, value: unknown): Promise<void> {
  if (!nameForm.test(name)) throw new Error(`"${name}" is not a name for a state file`)
  const file = join(path, name + ending)
  if (value === undefined) return rm(file, { force: true })
  await writeSynced(file + temporary, JSON.stringify(value))
  await rename(file + temporary, file)
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Replaces one file as a whole, durable when it returns; readable by root alone. The folder, where it has to be made, can be
 * passed through by others, but not listed: QEMU is another user and has disks below it.
 */
export async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o711 })
  const file = join(directory, name)
  await writeSynced(file + temporary, text)
  await rename(file + temporary, file)
  await syncDirectory(directory)
}
