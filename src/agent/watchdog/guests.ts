/**
 * Finds and kills the QEMUs of guests, by what the kernel knows alone: libvirt may hang just when it matters. Synchronous, so
 * that nothing comes between looking and killing.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface GuestProcess {
  readonly id: string
  readonly pid: number
  /** In the kernel's ticks since boot; with the pid it names one process for ever (proc(5), stat, field 22). */
  readonly started: string
}

/** The processes of these guests that there are now: QEMU carries its guest's id in its arguments. */
export function findGuests(ids: ReadonlySet<string>, proc = '/proc'): GuestProcess[] {
  if (ids.size === 0) return []
  return readdirSync(proc).flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    const pid = Number(name)
    const id = guestOf(join(proc, name))
    const started = id !== null && ids.has(id) ? startOf(pid, proc) : null
    return id === null || started === null ? [] : [{ id, pid, started }]
  })
}

/** Sends SIGKILL to each that is still the process that was found. */
export function killGuests(found: readonly GuestProcess[], proc = '/proc'): void {
  for (const { pid, started } of found) {
    if (startOf(pid, proc) !== started) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}

function guestOf(folder: string): string | null {
  const words = readText(join(folder, 'cmdline'))?.split('\0')
  const at = words?.indexOf('-uuid') ?? -1
  const id = at === -1 ? undefined : words?.[at + 1]
  if (id === undefined) return null
  try {
    // An upgrade replaces the program under running guests: its name has " (deleted)" then.
    return basename(readlinkSync(join(folder, 'exe'))).startsWith('qemu') ? id : null
  } catch {
    // It ended, or is a zombie: nothing of it runs.
    return null
  }
}

/** Null when it is gone, or dead and only waits to be reaped. */
function startOf(pid: number, proc: string): string | null {
  // The name, in brackets, may have anything in it; fields are counted after its end.
  const fields = readText(join(proc, String(pid), 'stat'))
    ?.split(') ')
    .at(-1)
    ?.split(' ')
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
