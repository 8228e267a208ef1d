/** What a host is to be told: its instances with disks, ports and metadata, read in a few queries for any number of them. */
import { sql } from 'kysely'
import { osFamilyOf } from '../../model/os.ts'
import { type BootSource, volumeRoles } from '../../model/volume.ts'
import type { CpuFeatures } from '../../protocol/host-cpu.ts'
import type { WantedDisk, WantedInstance } from '../../protocol/wanted.ts'
import { atOnce, type Db } from './database.ts'
import type { InstanceRow } from './instance.ts'
import { inDoubt } from './held-place.ts'
import { isHeldDisk } from './held-volume.ts'
import { wantedHardware } from './wanted-hardware.ts'
import { instancePorts } from './instance-ports.ts'

export interface Version {
  host_id: string
  id: string
  generation: number
  details_version: number
  placement: number
  project_id: string
  /** Not an instance but a volume, of which nothing shall be left; or the host itself, with its `as_of` as generation, and its link's epoch. */
  of: 'instance' | 'volume' | 'host'
  /** Where it belongs is not known: its host is told nothing new of it. */
  held_back: boolean
  /** Of the host itself: the epoch of its link; null: it has none. */
  epoch: number | null
}

/** The versions of all that is wanted of these hosts: cheap, to see what has changed. */
async function versions(db: Db, host_ids: readonly string[]): Promise<Version[]> {
  const hosts = sql`host_id = any(${[...host_ids]}::uuid[])`
  const { rows } = await sql<Version>`
    select host_id, id, generation, details_version, placement, project_id, 'instance' as of, ${inDoubt} as held_back, null::bigint as epoch from instance i where ${hosts}
    union all select host_id, id, 0, 0, 0, project_id, 'volume', false, null from volume v
      where ${hosts} and instance_id is null and deleted_at is not null and not ${isHeldDisk}
    union all select h.id, h.id, k.changes + k.passed, 0, 0, null, 'host', false,
      case when h.session_controller_id is not null then h.session_epoch end
      from host h join host_claim k on k.host_id = h.id where h.id = any(${[...host_ids]}::uuid[])
    order by host_id, id`.execute(db)
  return rows
}

export interface FoundInstance {
  host_id: string
  instance: WantedInstance
  /** What differs on another host, while it moves there. */
  onHost(host_id: string): Pick<WantedInstance, 'hardware'>
}

/** The whole wanted state of these instances, each with the host that it is on now. */
async function instances(
  db: Db,
  ids: readonly string[],
  rules: { stopTimeout(project_id: string): number },
): Promise<FoundInstance[]> {
  if (ids.length === 0) return []
  const [rows, disks, ports] = await atOnce(
    db,
    here => rowsOf(here, ids),
    here => disksOf(here, ids),
    here => instancePorts.wanted(here, ids),
  )
  const hardware = await wantedHardware(db, rows, ports)
  const toInstance = (row: (typeof rows)[number]): WantedInstance => ({
    id: row.id,
    generation: row.generation,
    details_version: row.details_version,
    placement: row.placement,
    power: powerOf(row),
    reboot_count: row.reboot_count,
    reboot_kind: row.reboot_kind,
    stop_timeout_s: rules.stopTimeout(row.project_id),
    vcpus: row.vcpus,
    memory_mib: row.memory_mib,
    cpu_model: row.cpu_model,
    ...(row.cpu_features !== null && { cpu_features: row.cpu_features as CpuFeatures }),
    ...hardware.of(row, row.host_id),
    ...familyOf(row.os),
    disks: [...(disks.get(row.id) ?? []), ...cdromOf(row)],
    boot_order: bootOrders[row.boot],
    ports: ports.get(row.id) ?? [],
    config_drive: row.config_drive,
    watchdog_action: row.watchdog_action as WantedInstance['watchdog_action'],
    graphics: row.graphics,
    clipboard: row.clipboard,
    video_model: row.video_model,
    ...(row.availability === 'high' && { availability: row.availability }),
    ...(row.on_crash === 'stop' && { on_crash: row.on_crash }),
    metadata: {
      hostname: row.hostname,
      name: row.name,
      project_id: row.project_id,
      zone: row.zone,
      flavor: row.flavor_name,
      image: row.image_name,
      public_keys: row.public_keys as WantedInstance['metadata']['public_keys'],
      user_data: row.user_data,
      tags: row.tags as Record<string, string>,
      created_at: row.created_at.toISOString(),
      floating_addresses: row.floating_addresses,
      security_groups: row.security_groups,
    },
  })
  return rows.map(row => ({
    host_id: row.host_id,
    instance: toInstance(row),
    onHost: host_id => hardware.of(row, host_id),
  }))
}

function rowsOf(db: Db, ids: readonly string[]) {
  return db
    .selectFrom('instance')
    .innerJoin('zone', 'zone.id', 'instance.zone_id')
    .selectAll('instance')
    .leftJoin('image', join => join.onRef('image.id', '=', 'instance.image_id').on('instance.boot', '=', 'iso'))
    .select(['zone.name as zone', 'image.sha256', 'image.size_bytes', 'image.format'])
    .select([
      sql<string | null>`(select m.properties->>'os' from image m where m.id = instance.image_id)`.as('os'),
      sql<string[]>`array(select host(f.address) from port p join floating_ip f on f.port_id = p.id
        where p.instance_id = instance.id order by f.address)`.as('floating_addresses'),
      sql<string[]>`array(select distinct g.name from port p join port_security_group pg on pg.port_id = p.id
        join security_group g on g.id = pg.security_group_id where p.instance_id = instance.id order by g.name)`.as(
        'security_groups',
      ),
    ])
    .where(sql<boolean>`instance.id = any(${[...ids]}::uuid[])`)
    .execute()
}

function familyOf(os: string | null): Pick<WantedInstance, 'os_family'> {
  const os_family = osFamilyOf(os)
  return os_family ? { os_family } : {}
}

export function powerOf(row: Pick<InstanceRow, 'purging' | 'deleted_at' | 'wanted_power'>): WantedInstance['power'] {
  if (row.purging) return 'purged'
  return row.deleted_at ? 'deleted' : row.wanted_power
}

async function disksOf(db: Db, ids: readonly string[]): Promise<Map<string, WantedDisk[]>> {
  const rows = await db
    .selectFrom('volume as v')
    .leftJoin('image as m', 'm.id', 'v.image_id')
    .leftJoin('instance_observed as o', 'o.instance_id', 'v.instance_id')
    .select(['v.id', 'v.instance_id', 'v.role', 'v.size_gib', 'v.size_mib', 'v.bus', 'v.keep', 'v.made', 'o.ever_ran'])
    .select(['m.id as image_id', 'm.sha256', 'm.size_bytes', 'm.format'])
    .where(sql<boolean>`v.instance_id = any(${[...ids]}::uuid[])`)
    .orderBy(sql`array_position(${[...volumeRoles]}::text[], v.role)`)
    .orderBy('v.id')
    .execute()
  const disks = new Map<string, WantedDisk[]>()
  for (const row of rows) {
    if (!row.instance_id) continue
    const disk: WantedDisk = {
      volume_id: row.id,
      role: row.role,
      size_gib: row.size_gib,
      ...(row.size_mib !== null && { size_mib: row.size_mib }),
      image: imageOf(row),
      bus: row.bus as WantedDisk['bus'],
      ...(row.keep && { keep: true }),
      // What ran had its root disk: on a host that lost it there is none, rather than a fresh one in its place.
      ...((row.made || (row.role === 'root' && row.ever_ran)) && { made: true }),
    }
    disks.set(row.instance_id, [...(disks.get(row.instance_id) ?? []), disk])
  }
  return disks
}

type ImageRow = Record<'image_id' | 'sha256' | 'format', string | null> & { size_bytes: number | null }

function imageOf({ image_id, sha256, size_bytes, format }: ImageRow): WantedDisk['image'] {
  if (!image_id || !sha256 || size_bytes === null) return null
  // An ISO is raw to QEMU.
  return { image_id, sha256, size_bytes, format: format === 'qcow2' ? 'qcow2' : 'raw' }
}

/** The disk first: it is empty until something was installed on it, and firmware passes over an empty one. */
const bootOrders: Readonly<Record<BootSource, NonNullable<WantedInstance['boot_order']>>> = {
  image: ['disk'],
  volume: ['disk'],
  iso: ['disk', 'cdrom'],
  network: ['network', 'disk'],
}

/** What an instance of an ISO has beside its volumes: known on the host by the instance's own id. */
function cdromOf(row: ImageRow & { id: string; boot: BootSource }): WantedDisk[] {
  const image = row.boot === 'iso' ? imageOf(row) : null
  if (!image) return []
  const size_gib = Math.max(1, Math.ceil(image.size_bytes / 1024 ** 3))
  return [{ volume_id: row.id, role: 'cdrom', size_gib, image, bus: 'sata' }]
}

export const wanted = { versions, instances }
