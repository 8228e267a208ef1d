/**
 * Makes a disk that a PC BIOS boots: partition table, GRUB between table and first partition, one ext4 file system.
 * No loop device, no mount, no root. Then packs it as compressed qcow2.
 * GRUB's place follows its manual, "BIOS installation": boot.img in the first sector, core.img behind it.
 */
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError, runCommand } from '../lib/disk-image/command.ts'
import { BuildError } from './build.ts'

export const sector_bytes = 512
/** Where the partition begins: 1 MiB, as all partitioners do; GRUB's core has the room before it. */
export const partition_offset_bytes = 1024 * 1024

/** What a recipe needs that makes such a disk. */
export const bootDiskPackages = [
  { name: 'e2fsprogs', why: 'makes and fills the file system of built images (mkfs.ext4, debugfs)' },
  { name: 'qemu-utils', why: 'packs disk images (qemu-img)' },
  { name: 'grub-common', why: 'makes the boot loader of built images (grub-mkimage)' },
  { name: 'grub-pc-bin', why: 'the parts of that boot loader for a PC BIOS' },
] as const

export interface GrubOptions {
  /** A script in GRUB's rescue language: one command a line. */
  script: string
  modules: readonly string[]
  scratch_dir: string
  signal?: AbortSignal | undefined
}

const grub_dir = '/usr/lib/grub/i386-pc'
const boot_code_bytes = 440

/** An empty disk with one bootable partition and GRUB; the partition's content is the caller's to write. */
export async function makeBootDisk(
  path: string,
  size_bytes: number,
  disk_id: number,
  grub: GrubOptions,
): Promise<void> {
  const core = await makeGrubCore(grub)
  if (core.length > partition_offset_bytes - sector_bytes) {
    throw new BuildError('failed', `GRUB's core needs ${core.length} bytes, more than there is before the partition.`)
  }
  const first = Buffer.alloc(sector_bytes)
  const bootCode = await readFile(join(grub_dir, 'boot.img')).catch(noGrub)
  bootCode.copy(first, 0, 0, boot_code_bytes)
  first.writeUInt32LE(disk_id, 440)
  first[446] = 0x80 // bootable
  first.fill(0xff, 447, 450) // cylinder, head, sector: beyond what they can say, so that the numbers below count
  first[450] = 0x83 // Linux
  first.fill(0xff, 451, 454)
  first.writeUInt32LE(partition_offset_bytes / sector_bytes, 454)
  first.writeUInt32LE((size_bytes - partition_offset_bytes) / sector_bytes, 458)
  first.writeUInt16BE(0x55aa, 510)

  const file = await open(path, 'w')
  try {
    await file.truncate(size_bytes)
    await file.write(first, 0, first.length, 0)
    await file.write(core, 0, core.length, sector_bytes)
  } finally {
    await file.close()
  }
}

async function makeGrubCore(grub: GrubOptions): Promise<Buffer> {
  const script = join(grub.scratch_dir, 'grub.cfg')
  const core = join(grub.scratch_dir, 'core.img')
  await writeFile(script, grub.script)
  // The prefix names a partition only: GRUB adds the disk that the BIOS booted from.
  const argv = ['--format=i386-pc', `--output=${core}`, '--prefix=(,msdos1)/boot/grub', `--config=${script}`]
  await runCommand(['grub-mkimage', ...argv, ...grub.modules], {
    timeout_ms: 60_000,
    ...(grub.signal ? { signal: grub.signal } : {}),
  }).catch((error: unknown) => {
    if (error instanceof CommandError && error.failure === 'not_installed') return noGrub(error)
    throw error
  })
  return readFile(core)
}

function noGrub(cause: unknown): never {
  const advice = 'install the packages grub-common and grub-pc-bin'
  throw new BuildError('missing_package', `GRUB's files for a PC BIOS are missing: ${advice}.`, { cause })
}

/** Packs a raw disk; the result appears whole under its name or not at all. Returns its size. */
export async function packQcow2(raw: string, out: string, signal?: AbortSignal): Promise<number> {
  const fresh = `${out}.${process.pid}.new`
  try {
    // One coroutine, in order, so that the same disk gives the same file.
    await runCommand(
      [
        'qemu-img',
        'convert',
        '-f',
        'raw',
        '-O',
        'qcow2',
        '-c',
        '-m',
        '1',
        '-o',
        'compat=1.1,lazy_refcounts=off',
        raw,
        fresh,
      ],
      { timeout_ms: 1_800_000, ...(signal ? { signal } : {}) },
    )
    const { size } = await stat(fresh)
    await rename(fresh, out)
    return size
  } catch (error) {
    await rm(fresh, { force: true })
    if (error instanceof CommandError && error.failure === 'not_installed') {
      throw new BuildError('missing_package', 'qemu-img is missing: install the package qemu-utils.', { cause: error })
    }
    throw error
  }
}
