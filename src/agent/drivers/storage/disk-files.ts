/**
 * The files that disks are, in a pool's folder: their names, and how one is made so that it is there as a whole or not at
 * all. What is in them is directory.ts's and arrivals.ts's.
 */
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { WantedDisk } from '../../../protocol/wanted.ts'
import { syncDirectory } from '../state-directory.ts'
import { isCode } from './image-fetch.ts'
import { qemuImg } from './program.ts'

export const gib = 2 ** 30
/** Ends the name of what is not whole yet. */
export const temporaryEnding = '.new'
/** The same with who makes it, as hosts may share the folder: each removes its own when its agent starts. */
export const temporaryOf = (host_id: string) => `.${host_id}${temporaryEnding}`

/** A file, and what it is called until it is whole. */
export interface Making {
  readonly path: string
  readonly fresh: string
}

export type Volume = Pick<WantedDisk, 'volume_id' | 'role'>

export function fileOf({ volume_id, role }: Volume): string {
  return role === 'cdrom' ? `${volume_id}.iso` : `${volume_id}.qcow2`
}

export async function create(making: Making, backing: readonly string[], size_bytes: number): Promise<void> {
  const { fresh } = making
  await rm(fresh, { force: true })
  await qemuImg(['create', '-q', '-f', 'qcow2', ...backing, fresh, String(size_bytes)])
  await putInPlace(making)
}

export async function putInPlace({ path, fresh }: Making): Promise<void> {
  const handle = await open(fresh, 'r+')
  try {
    // Its name is in QEMU's arguments, for every user of the host to see. libvirt gives the file to whom QEMU runs as.
    await handle.chmod(0o600)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, path)
  await syncDirectory(join(path, '..'))
}

export function sizeOf(disk: WantedDisk): number {
  return disk.size_mib === undefined ? disk.size_gib * gib : disk.size_mib * 2 ** 20
}

export async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path, 'r')).close()
    return true
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false
    throw error
  }
}
