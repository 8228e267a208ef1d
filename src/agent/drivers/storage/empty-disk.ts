/**
 * Empty disks that a guest can use at once: an ext4 file system labelled 'ephemeral0', as OpenStack's guests expect it, or swap
 * space labelled 'swap0'. Written into a sparse file of the disk's size, which becomes a qcow2: no loop device is needed, and
 * only what was written takes room.
 */
import { open, rm } from 'node:fs/promises'
import { qemuImg, runDiskProgram } from './program.ts'

const temporary = '.raw.new'

/** Writes `path`, a qcow2. What a kill left of it is overwritten. Throws Failure. */
export async function makeFormatted(path: string, kind: 'ephemeral' | 'swap', size_bytes: number): Promise<void> {
  const raw = path + temporary
  await rm(raw, { force: true })
  await rm(path, { force: true })
  try {
    const file = await open(raw, 'w', 0o600)
    await file.truncate(size_bytes).finally(() => file.close())
    await (kind === 'swap' ? runDiskProgram(['mkswap', '-q', '-L', 'swap0', raw]) : makeExt4(raw))
    await qemuImg(['convert', '-q', '-f', 'raw', '-O', 'qcow2', raw, path])
  } finally {
    await rm(raw, { force: true })
  }
}

/** Tables are left for the guest's kernel to write at its leisure, or a large disk would take minutes (mke2fs(8)). */
function makeExt4(raw: string): Promise<void> {
  const options = 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'
  return runDiskProgram(['mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'ephemeral0', '-m', '0', '-E', options, raw])
}
