/** Files that are named on the command line: read, or said plainly why they cannot be. */
import { readFile, stat } from 'node:fs/promises'
import { UsageError } from './failure.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ELOOP: 'its links lead in a circle',
}

/** `what`: "file", "certificates", … for the sentence. */
function unreadable(file: string, what: string, error: unknown): UsageError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const why = reasons[code] ?? (error instanceof Error ? error.message : String(error))
  return new UsageError(`The ${what} ${file} cannot be read: ${why}.`)
}

/** The bytes of a file. Throws UsageError that says why it cannot be read. */
export async function readGiven(file: string, what = 'file'): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw unreadable(file, what, error)
  }
}

/** How many bytes a file has. Throws UsageError that says why it cannot be read. */
export async function sizeOfGiven(file: string, what = 'file'): Promise<number> {
  try {
    const found = await stat(file)
    if (found.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    return found.size
  } catch (error) {
    throw unreadable(file, what, error)
  }
}
