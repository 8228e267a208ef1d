/** Which disks the host itself uses, from trees of files as the kernel and udev have them; and so which devices are never a guest's. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readPci } from '../../../src/agent/facts/pci.ts'

const device = 'sys/bus/pci/devices/0000:02:00.0'
const disk = 'sys/block/nvme0n1'
const part = `${disk}/nvme0n1p2`

/** A host with one NVMe disk, with two partitions as a rule. */
const partitioned = { [`${disk}/nvme0n1p1/partition`]: '1', [`${part}/partition`]: '2', [`${part}/dev`]: '259:2' }

async function usedBy(t: TestContext, files: Record<string, string>, links: Record<string, string> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'croft-disks-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const all = {
    [`${device}/class`]: '0x010802',
    [`${device}/nvme/nvme0/model`]: '',
    [`${disk}/dev`]: '259:0',
    ...files,
  }
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  const own = { [`${disk}/device`]: '../../bus/pci/devices/0000:02:00.0/nvme/nvme0', ...links }
  for (const [name, target] of Object.entries(own)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await symlink(target, join(root, name))
  }
  return (await readPci(root))[0]?.used_by
}

const mountinfo = (number: string, type: string, source: string) => ({
  'proc/self/mountinfo': `22 1 ${number} / / rw,relatime shared:1 - ${type} ${source} rw\n`,
})

test('what has one number with its device is known by that', async t => {
  const files = { ...partitioned, ...mountinfo('259:2', 'ext4', '/dev/root') }
  assert.equal(await usedBy(t, files), 'disk nvme0n1, mounted')
})

test('a mounted btrfs is known by its source, and by all of its devices', async t => {
  const files = { [`${part}/dev`]: '259:2', ...mountinfo('0:28', 'btrfs', '/dev/nvme0n1p2') }
  assert.equal(await usedBy(t, files), 'disk nvme0n1, mounted')
  const several = { [`${part}/dev`]: '259:2', ...mountinfo('0:28', 'btrfs', '/dev/sdx') }
  const at = 'sys/fs/btrfs/0b1c/devices'
  assert.equal(await usedBy(t, several, { [`${at}/nvme0n1p2`]: '/x' }), 'disk nvme0n1, of a mounted btrfs')
  const whole = mountinfo('0:28', 'bcachefs', '/dev/sdx:/dev/nvme0n1')
  assert.equal(await usedBy(t, whole), 'disk nvme0n1, mounted')
})

test('a source and a swap that are links are followed within the root', async t => {
  const byId = { 'dev/disk/by-uuid/1-2': '../../nvme0n1' }
  assert.equal(await usedBy(t, mountinfo('0:28', 'btrfs', '/dev/disk/by-uuid/1-2'), byId), 'disk nvme0n1, mounted')
  const swaps = { 'proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n/dev/my\\040swap partition 1 0 -2\n' }
  assert.equal(await usedBy(t, swaps, { 'dev/my swap': '/dev/nvme0n1' }), 'disk nvme0n1, swapped to')
})

test('a member of a pool of ZFS counts, imported or not: nothing of the kernel’s tells', async t => {
  const mounted = mountinfo('0:31', 'zfs', 'rpool/ROOT/debian')
  const udev = { 'run/udev/data/b259:2': 'S:disk/by-uuid/1\nE:ID_FS_TYPE=zfs_member\nE:ID_FS_VERSION=5000\n' }
  assert.equal(await usedBy(t, { ...partitioned, ...mounted, ...udev }), 'disk nvme0n1, with zfs_member on it')
  assert.equal(await usedBy(t, { ...partitioned, ...mounted }), 'disk nvme0n1, with partitions on it')
})

test('signatures and what stands on a disk count, too; an empty one is free', async t => {
  const above = { [`${part}/holders/dm-0/dev`]: '', [`${part}/dev`]: '259:2' }
  assert.equal(await usedBy(t, above), 'disk nvme0n1, below dm-0')
  const table = { 'run/udev/data/b259:0': 'E:ID_MODEL=x\nE:ID_PART_TABLE_TYPE=gpt\n' }
  assert.equal(await usedBy(t, table), 'disk nvme0n1, with a partition table (gpt) on it')
  assert.equal(await usedBy(t, { 'run/udev/data/b259:0': 'E:ID_MODEL=x\n' }), null)
  assert.equal(await usedBy(t, {}), null)
})

test('an NVMe disk that several controllers reach is used through each of them', async t => {
  const subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0'
  const links = {
    [`${disk}/device`]: '../../devices/virtual/nvme-subsystem/nvme-subsys0',
    [`${subsystem}/nvme0`]: '../../../../bus/pci/devices/0000:02:00.0/nvme/nvme0',
  }
  const files = mountinfo('259:0', 'xfs', '/dev/nvme0n1')
  assert.equal(await usedBy(t, files, links), 'disk nvme0n1, mounted')
})

test('what is bound to vfio-pci was prepared for guests', async t => {
  assert.equal(await usedBy(t, partitioned, { [`${device}/driver`]: '/sys/bus/pci/drivers/vfio-pci' }), null)
})
