/**
 * Dumps that libvirt makes when a guest's watchdog says so: files as large as the guest's memory, of which one is kept for each
 * guest, the newest. Their names begin with the domain's and end with the second (qemuProcessEvent handling of watchdogs).
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../../../lib/process.ts'

/** libvirt's own, as qemu.conf has it without auto_dump_path. */
export const dump_directory = '/var/lib/libvirt/qemu/dump'

export async function newestDump(directory: string, domain: string, since_ms: number): Promise<string | null> {
  const files: { path: string; at_ms: number }[] = []
  for (const name of await namesIn(directory)) {
    // libvirt writes '<id>-<name>-<second>', and leaves the id out where the name is short.
    if (!name.includes(domain)) continue
    const path = join(directory, name)
    files.push({ path, at_ms: (await stat(path)).mtimeMs })
  }
  files.sort((a, b) => b.at_ms - a.at_ms)
  for (const { path } of files.slice(1)) await rm(path, { force: true })
  const [newest] = files
  return newest !== undefined && newest.at_ms >= since_ms - 1000 ? newest.path : null
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
