/** Sees the first line that a guest writes to its serial console, or a certain one, on the kernel's word (inotify(7)). */
import { readFileSync, watch } from 'node:fs'
import { join } from 'node:path'

const within_ms = 180_000

export interface Seen {
  /** When the log was opened, which is when libvirt starts QEMU; milliseconds as performance.now() counts. */
  opened_ms: number
  line_ms: number
}

/**
 * Resolves when a file in `folder` whose name is `mine` has a whole line, or what `fits`. Watch before whatever makes the guest start: a file
 * that was there before and is not written to any more is not looked at.
 */
export function firstLine(folder: string, mine: (name: string) => boolean, fits = /\n/): Promise<Seen> {
  const { promise, resolve, reject } = Promise.withResolvers<Seen>()
  let opened_ms: number | null = null
  const watcher = watch(folder, (_, name) => {
    if (name === null || !mine(name)) return
    opened_ms ??= performance.now()
    if (fits.test(textOf(join(folder, name)))) resolve({ opened_ms, line_ms: performance.now() })
  })
  const timer = setTimeout(() => reject(new Error(`no guest wrote a line within ${within_ms} ms`)), within_ms)
  return promise.finally(() => {
    clearTimeout(timer)
    watcher.close()
  })
}

/** A file that is gone again has no text. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
