/**
 * virtlockd: holds a lock for each disk that a guest may write, as long as the guest runs. The locks are files in the pool's
 * directory, one per disk, by the hash of its path, so that on a shared file system they hold between hosts as well: a second
 * writer is refused whatever every layer above believes. Hosts that share a pool must have it at the same path.
 * Not its job: libvirtd itself (libvirt.ts), which is told here to ask for the locks.
 */
import { existsSync, globSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { plain_env, run } from '../../lib/process.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'

export const lockd_conf = '/etc/libvirt/qemu-lockd.conf'
export const locks_folder = 'locks'
export const virtlockd_socket = '/run/libvirt/virtlockd-sock'

/** Debian 12 has both parts in libvirt-daemon, Debian 13 in packages that it needs. Without them guests run as they did before. */
export function canLock(): boolean {
  return existsSync('/usr/sbin/virtlockd') && globSync('/usr/lib/*/libvirt/lock-driver/lockd.so').length > 0
}

/** A line of qemu.conf. */
export const lock_manager = 'lock_manager = "lockd"'

/** Disks' own files cannot be locked: some file systems and images' owners do not allow it, and QEMU locks them itself. */
export const lockdConf = (pool_dir: string) =>
  ['auto_disk_leases = 1', `file_lockspace_dir = "${path.join(pool_dir, locks_folder)}"`, ''].join('\n')

export function virtlockd(): Definition {
  return {
    service: service({
      name: 'croft-virtlockd',
      description: 'locks the disks of running guests',
      argv: ['virtlockd'],
      env: { ...plain_env },
      ready: { kind: 'socket', path: virtlockd_socket },
      // As it ends well, it ends every guest whose disks it has locked (libvirt's lock_daemon.c): `croft down` leaves guests running.
      stop_signal: 'SIGKILL',
      debian_unit: 'virtlockd.service',
    }),
    prepare: async () => void (await mkdir('/run/libvirt', { recursive: true })),
  }
}

const mark = '# Set by croft up: disks are locked by virtlockd.'

/** Under systemd libvirt's own files are Debian's: a setting that nobody has made is added, and libvirtd told of it. */
export async function lockUnderSystemd(pool_dir: string, qemu_conf: string): Promise<void> {
  const added = await Promise.all([
    addUnlessSet(qemu_conf, 'lock_manager', lock_manager),
    addUnlessSet(lockd_conf, 'file_lockspace_dir', lockdConf(pool_dir)),
  ])
  // Guests go on; those that run already are locked from their next start on.
  if (added.includes(true)) await run(['systemctl', 'try-restart', 'libvirtd.service'])
}

async function addUnlessSet(file: string, key: string, lines: string): Promise<boolean> {
  const text = existsSync(file) ? await readFile(file, 'utf8') : ''
  if (new RegExp(`^\\s*${key}\\s*=`, 'm').test(text)) return false
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}\n${mark}\n${lines.trimEnd()}\n`)
  return true
}
