/** What both hosts give to libvirt for one live move: flags, and parameters by libvirt's names (virDomainMigrate3); and where their sockets are. */
import { chown, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { migrateFlag, type TypedParam } from '../../../lib/libvirt/index.ts'
import type { WantedMigration } from '../../../protocol/migration.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import type { Sockets } from '../../peer/relay-words.ts'
import { namedDisks } from '../disk-names.ts'
import { domainName } from '../libvirt/domain-xml.ts'

export interface Terms {
  readonly instance: WantedInstance
  readonly migration: WantedMigration
  /** Of copied disks, what is not in their images. */
  readonly incremental: boolean
  /**
   * libvirt takes every file system for local that it does not know to be shared, and refuses then. That both hosts share the
   * pool is known by its mark, so it is told to go on; but only after it refused, and only for disks that are not copied.
   */
  readonly unsafe: boolean
}

export function flagsOf({ migration, incremental, unsafe }: Terms): number {
  const { live, change_protection, abort_on_error, auto_converge, postcopy, non_shared_inc, non_shared_disk } =
    migrateFlag
  let flags = live | change_protection | abort_on_error
  if (migration.auto_converge) flags |= auto_converge
  if (migration.postcopy_after_s !== undefined) flags |= postcopy
  if (migration.copied_volumes.length > 0) flags |= incremental ? non_shared_inc : non_shared_disk
  return unsafe ? flags | migrateFlag.unsafe : flags
}

/** `sockets`: on the target where its process listens, on the source where the relay does. */
export function paramsOf({ instance, migration }: Terms, sockets: Sockets): TypedParam[] {
  const copied = new Set(migration.copied_volumes)
  const names = namedDisks(instance.disks).flatMap(({ disk, name }) => (copied.has(disk.volume_id) ? name : []))
  const { bandwidth_mib_s: bandwidth } = migration
  return [
    text('destination_name', domainName(instance.id)),
    text('migrate_uri', `unix://${sockets.memory}`),
    ...(names.length > 0 ? [text('disks_uri', `unix://${sockets.disks}`)] : []),
    ...names.map(name => text('migrate_disks', name)),
    ...(bandwidth === undefined ? [] : [number('bandwidth', bandwidth)]),
    ...(bandwidth === undefined || migration.postcopy_after_s === undefined
      ? []
      : [number('bandwidth.postcopy', bandwidth)]),
  ]
}

export function text(field: string, value: string): TypedParam {
  return { field, type: 'string', value }
}

function number(field: string, value: number): TypedParam {
  return { field, type: 'ullong', value }
}

/**
 * Where libvirt's processes and the relay meet. The names' ends are what libvirt's AppArmor driver lets a domain's QEMU open
 * below libvirt's run folder (virt-aa-helper).
 */
export function socketsOf(run_dir: string, instance_id: string, stream_dir: string): { dir: string; sockets: Sockets } {
  const dir = `${run_dir}/croft/${stream_dir}`
  const name = `tunnelmigrate.dest.${domainName(instance_id)}`
  return { dir, sockets: { memory: `${dir}/m.${name}`, disks: `${dir}/d.${name}` } }
}

/** A fresh folder for them, which only QEMU's user and root get into. */
export async function makeSocketFolder(dir: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  // Passed through by QEMU, which is not root on most hosts.
  await mkdir(dirname(dir), { recursive: true, mode: 0o711 })
  await mkdir(dir, { mode: 0o700 })
  await chown(dir, uid, gid)
}
