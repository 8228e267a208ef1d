/**
 * Guests that libvirt holds for started and never started. Killed between the moment it writes down that a domain begins to run and the
 * moment it knows its QEMU's process (a tenth of a second in each start), a new libvirtd reads of a domain that is active, has no
 * process, and is in the middle of a start: it takes up only those with a process, so nobody ever ends that start. Every call that
 * changes such a domain, destroy too, then times out with "cannot acquire state change lock" (held by no one), and it is
 * there again after each restart of libvirtd. Seen with libvirt 9.0.
 *
 * No QEMU can be alive behind it: libvirt lets go of QEMU only after it has written down the process (virCommandHandshake). So the
 * record is removed, and libvirtd killed: whoever keeps it running (systemd, Croft's supervisor) starts it again, and guests go on.
 * Not its job: starting anything.
 */
import { unlinkSync } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../../../lib/process.ts'
import { metadataNamespace } from './domain-xml.ts'

/** Programs that have libvirt's QEMU driver in them: one for all drivers, or its own. */
const daemons = new Set(['libvirtd', 'virtqemud'])

/** libvirt's own words, in which it keeps the state of an active domain; of QEMU's process, 0 is none. */
const unborn = /<domstatus\b[^>]*\bpid='0'/

/**
 * Names of the domains that were cleared. Unless there are none, libvirtd has been killed. `state_dir` is the QEMU driver's,
 * /run/libvirt/qemu. Domains that are not Croft's are left alone, and so are starts that this very libvirtd is at.
 */
export async function clearUnborn(state_dir: string): Promise<string[]> {
  const lock = join(state_dir, 'driver.pid')
  const names = await findUnborn(state_dir, lock)
  if (names.length === 0) return []
  const pids = await holdersOf(lock)
  if (pids.length === 0) {
    throw new Error(
      `libvirt can never end the start of ${names.join(', ')}, and no process is found that holds ${lock}`,
    )
  }
  // In one go: with the record gone and libvirtd alive nobody could tell any more that there is something to mend.
  for (const name of names) unlinkSync(join(state_dir, `${name}.xml`))
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  return names
}

async function findUnborn(state_dir: string, lock: string): Promise<string[]> {
  const begun_ms = await mtimeOf(lock)
  if (begun_ms === null) return []
  const found: string[] = []
  for (const file of await readdir(state_dir)) {
    if (!file.endsWith('.xml')) continue
    const text = await beginning(join(state_dir, file))
    if (text === null || !unborn.test(text)) continue
    // What is younger than libvirtd is a start that it is at.
    const written_ms = await mtimeOf(join(state_dir, file))
    if (written_ms === null || written_ms >= begun_ms) continue
    if ((await readFile(join(state_dir, file), 'utf8')).includes(metadataNamespace)) found.push(file.slice(0, -4))
  }
  return found
}

/** Enough for the comment and the root element; null when it is gone: the domain has ended. */
async function beginning(path: string): Promise<string | null> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2048), 0, 2048, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

async function mtimeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

/**
 * Daemons that have this file open, as the QEMU driver has its lock as long as it lives: its number inside may be that of
 * another process namespace, and of a process long gone.
 */
async function holdersOf(path: string): Promise<number[]> {
  const { dev, ino } = await stat(path)
  const pids: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      if (!daemons.has((await readFile(`/proc/${entry}/comm`, 'utf8')).trim())) continue
      const fds = await readdir(`/proc/${entry}/fd`)
      const files = await Promise.all(fds.map(fd => stat(`/proc/${entry}/fd/${fd}`).catch(() => null)))
      if (files.some(file => file?.dev === dev && file.ino === ino)) pids.push(Number(entry))
    } catch (error) {
      // It ended while it was looked at.
      if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ESRCH')) throw error
    }
  }
  return pids
}
