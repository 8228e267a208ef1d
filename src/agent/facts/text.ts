/** Small texts of /proc and /sys. */
import { readFile } from 'node:fs/promises'

/** '' when the file cannot be read: many of /sys's files refuse to be read in some states of their device. */
export async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return ''
  }
}
