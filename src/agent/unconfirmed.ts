/**
 * A note beside the key: what is on this disk may be of other times, and no guest of it is started before a controller has named it. It
 * outlives the agent, which may end before it has heard so. Who waits, and until when: naming.ts, and docs/design/0017-hardware.md.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile, syncDirectory } from './drivers/state-directory.ts'

const file = 'unconfirmed'

/** Null where `error` says that nothing is there; throws any other. */
function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}

export async function isUnconfirmed(state_dir: string): Promise<boolean> {
  return (await stat(join(state_dir, file)).catch(absent)) !== null
}

/** Durable when it resolves. */
export function keepUnconfirmed(state_dir: string): Promise<void> {
  return replaceFile(state_dir, file, 'No guest is started here before a controller has named it.\n')
}

export async function forgetUnconfirmed(state_dir: string): Promise<void> {
  await rm(join(state_dir, file), { force: true })
  await syncDirectory(state_dir)
}

/** Whether an instance is wanted on this disk (wanted-set.ts), so that there is something that could be started. */
export async function hasWanted(state_dir: string): Promise<boolean> {
  const files = (await readdir(join(state_dir, 'wanted')).catch(absent)) ?? []
  return files.some(one => one.endsWith('.json'))
}
