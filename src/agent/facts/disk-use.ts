/**
 * What the host itself needs a disk for, as /proc, /sys and udev's database tell without opening one. What is not known to be free counts
 * as in use: a guest that is given the disk may write all of it. Not its job: which PCI device a disk is on (pci.ts).
 */
import { readdir, readlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { readText } from './text.ts'

/** Block devices in use by what has them, by their kernel's name or their number: 'nvme0n1p2', '259:3'. */
type Used = Map<string, string>

async function names(path: string): Promise<string[]> {
  return (await readdir(path).catch((): string[] => [])).sort()
}

/** Of the disks that are in use: by the kernel's name why, as words that follow that name. `root`: of /proc, /sys, /dev and /run. */
export async function disksInUse(root: string): Promise<Map<string, string>> {
  const used: Used = new Map()
  await noteMounts(root, used)
  await noteSwaps(root, used)
  await noteBtrfs(root, used)
  const found = new Map<string, string>()
  for (const disk of await names(join(root, 'sys/block'))) {
    const why = await useOf(root, disk, used)
    if (why !== null) found.set(disk, why)
  }
  return found
}

async function useOf(root: string, disk: string, used: Used): Promise<string | null> {
  const at = join(root, 'sys/block', disk)
  const parts = (await names(at)).filter(name => name.startsWith(disk))
  const all = await Promise.all(
    [disk, ...parts].map(async name => {
      const folder = name === disk ? at : join(at, name)
      return { name, number: await readText(join(folder, 'dev')), above: await names(join(folder, 'holders')) }
    }),
  )
  for (const { name, number } of all) {
    const why = used.get(name) ?? used.get(number)
    if (why !== undefined) return why
  }
  for (const { above } of all) if (above.length > 0) return `below ${above.join(', ')}`
  for (const { number } of all) {
    const signature = await signatureOf(root, number)
    if (signature !== null) return `with ${signature} on it`
  }
  return parts.length > 0 ? 'with partitions on it' : null
}

/**
 * By proc_pid_mountinfo(5). The number of what is mounted is that of a block device only where one device is one file system: btrfs, ZFS and
 * bcachefs have numbers of their own ('0:45'), and name what they are on as their source, or not at all.
 */
async function noteMounts(root: string, used: Used): Promise<void> {
  for (const line of (await readText(join(root, 'proc/self/mountinfo'))).split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const number = before.split(' ')[2]
    if (number === undefined) continue
    used.set(number, 'mounted')
    // bcachefs: '/dev/sda:/dev/sdb'.
    for (const source of plain(after.split(' ')[1] ?? '').split(/:(?=\/)/))
      await noteDevice(root, source, 'mounted', used)
  }
}

/** By proc_swaps(5); swap in a file is on what is mounted. */
async function noteSwaps(root: string, used: Used): Promise<void> {
  for (const line of (await readText(join(root, 'proc/swaps'))).split('\n').slice(1)) {
    await noteDevice(root, plain(line.split(/\s+/)[0] ?? ''), 'swapped to', used)
  }
}

/** A mounted btrfs names one of its devices as its source; all of them are here. */
async function noteBtrfs(root: string, used: Used): Promise<void> {
  const at = join(root, 'sys/fs/btrfs')
  for (const id of await names(at)) {
    for (const device of await names(join(at, id, 'devices'))) used.set(device, 'of a mounted btrfs')
  }
}

/** '/dev/mapper/a' and '/dev/disk/by-uuid/b' are links to what the kernel calls it. */
async function noteDevice(root: string, path: string, why: string, used: Used): Promise<void> {
  if (!path.startsWith('/dev/')) return
  used.set(basename(path), why)
  let at = path
  for (let links = 0; links < links_max; links++) {
    const target = await readlink(join(root, at)).catch(() => null)
    if (target === null) break
    at = resolve(dirname(at), target)
  }
  used.set(basename(at), why)
}

const links_max = 8

/** Spaces and the like are octal there. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** As udev has read it: of a file system, a member of LVM, RAID or ZFS, or a table of partitions. */
async function signatureOf(root: string, number: string): Promise<string | null> {
  if (number === '') return null
  const text = await readText(join(root, 'run/udev/data', `b${number}`))
  const type = /^E:ID_FS_TYPE=(\S+)$/m.exec(text)?.[1]
  if (type !== undefined) return type
  const table = /^E:ID_PART_TABLE_TYPE=(\S+)$/m.exec(text)?.[1]
  return table === undefined ? null : `a partition table (${table})`
}
