/**
 * Dumps that libvirt makes when a guest's watchdog says so: files as large as the guest's memory, of which one is kept for each guest, the
 * newest. libvirt names them '<id>-<name>-<second>' with the number that the domain has while it runs and the first 20 characters of
 * its name (virDomainDefGetShortName, getAutoDumpPath), which several of our names share: so they are given the whole name here.
 */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../../../lib/process.ts'

/** libvirt's own, as qemu.conf has it without auto_dump_path. */
export const dump_directory = '/var/lib/libvirt/qemu/dump'
const short_name_length = 20

/** `id`: of the domain that runs. */
export async function newestDump(
  directory: string,
  { name, id }: { readonly name: string; readonly id: number },
  since_ms: number,
): Promise<string | null> {
  const given = `${id}-${name.slice(0, short_name_length)}-`
  for (const file of await namesIn(directory)) {
    if (!file.startsWith(given)) continue
    const path = join(directory, file)
    // Older ones are of a guest that had the number before.
    if ((await stat(path)).mtimeMs >= since_ms - 1000) {
      await rename(path, join(directory, `${name}-${file.slice(given.length)}`))
    }
  }
  const files: { path: string; at_ms: number }[] = []
  for (const file of await namesIn(directory)) {
    if (!file.startsWith(`${name}-`)) continue
    const path = join(directory, file)
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
