/** Small facts about this host, each one file of JSON beside its key: nothing, what was kept, or said to be damaged. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from './drivers/state-directory.ts'

/** Null when nothing was kept. Throws when the file is there and is not as it should be, with `advice`. */
export async function readKept<T>(
  state_dir: string,
  file: string,
  check: { Check(value: unknown): value is T },
  advice: string,
): Promise<T | null> {
  const path = join(state_dir, file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  const value = parsed(text)
  if (!check.Check(value)) throw new Error(`${path} is damaged; ${advice}`)
  return value
}

/** Undefined when it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Durable when it resolves; readable by root alone. */
export function keep(state_dir: string, file: string, value: unknown): Promise<void> {
  return replaceFile(state_dir, file, `${JSON.stringify(value, null, 2)}\n`)
}
