/** What a host is to be told: its instances with disks, ports and metadata, read in a few queries for any number of them. */
import { sql } from 'kysely'
import type { WantedDisk, WantedInstance } from '../../protocol/wanted.ts'
import type { Db } from './database.ts'
import type { InstanceRow } from './instance.ts'
import { instancePorts } from './instance-ports.ts'

export interface Version {
  host_id: string
  id: string
  generation: number
  details_version: number
}

/** The versions of all that is wanted of these hosts: cheap, to see what has changed. */
async function versions(db: Db, host_ids: readonly string[]): Promise<Version[]> {
  return await db
    .selectFrom('instance')
    .select(['host_id', 'id', 'generation', 'details_version'])
    .where(sql<boolean>`host_id = any(${[...host_ids]}::uuid[])`)
    .orderBy('host_id')
    .orderBy('id')
    .execute()
}

/** The whole wanted state of these instances, each with the host that it is on now. */
async function instances(
  db: Db,
  ids: readonly string[],
  rules: { stop_timeout_s: number },
): Promise<{ host_id: string; instance: WantedInstance }[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('instance')
    .innerJoin('zone', 'zone.id', 'instance.zone_id')
    .selectAll('instance')
    .select('zone.name as zone')
    .where(sql<boolean>`instance.id = any(${[...ids]}::uuid[])`)
    .execute()
  const [disks, ports, details] = [
    await disksOf(db, ids),
    await instancePorts.wanted(db, ids),
    await networkDetails(db, ids),
  ]
  const toInstance = (row: (typeof rows)[number]): WantedInstance => ({
    id: row.id,
    generation: row.generation,
    details_version: row.details_version,
    power: powerOf(row),
    reboot_count: row.reboot_count,
    reboot_kind: row.reboot_kind,
    stop_timeout_s: rules.stop_timeout_s,
    vcpus: row.vcpus,
    memory_mib: row.memory_mib,
    cpu_model: row.cpu_model,
    disks: disks.get(row.id) ?? [],
    ports: ports.get(row.id) ?? [],
    config_drive: row.config_drive,
    watchdog_action: row.watchdog_action as WantedInstance['watchdog_action'],
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
      floating_addresses: details.get(row.id)?.floating_addresses ?? [],
      security_groups: details.get(row.id)?.security_groups ?? [],
    },
  })
  return rows.map(row => ({ host_id: row.host_id, instance: toInstance(row) }))
}

function powerOf(row: Pick<InstanceRow, 'purging' | 'deleted_at' | 'wanted_power'>): WantedInstance['power'] {
  if (row.purging) return 'purged'
  return row.deleted_at ? 'deleted' : row.wanted_power
}

async function disksOf(db: Db, ids: readonly string[]): Promise<Map<string, WantedDisk[]>> {
  const rows = await db
    .selectFrom('volume as v')
    .leftJoin('image as m', 'm.id', 'v.image_id')
    .select(['v.id', 'v.instance_id', 'v.role', 'v.size_gib', 'v.bus'])
    .select(['m.id as image_id', 'm.sha256', 'm.size_bytes', 'm.format'])
    .where(sql<boolean>`v.instance_id = any(${[...ids]}::uuid[])`)
    .orderBy('v.id')
    .execute()
  const disks = new Map<string, WantedDisk[]>()
  for (const row of rows) {
    if (!row.instance_id) continue
    const image =
      row.image_id && row.sha256 && row.size_bytes !== null
        ? {
            image_id: row.image_id,
            sha256: row.sha256,
            size_bytes: row.size_bytes,
            format: row.format === 'raw' ? ('raw' as const) : ('qcow2' as const),
          }
        : null
    const disk = { volume_id: row.id, role: row.role, size_gib: row.size_gib, image, bus: row.bus as WantedDisk['bus'] }
    disks.set(row.instance_id, [...(disks.get(row.instance_id) ?? []), disk])
  }
  return disks
}

interface NetworkDetails {
  instance_id: string
  floating_addresses: string[]
  security_groups: string[]
}

async function networkDetails(db: Db, ids: readonly string[]): Promise<Map<string, NetworkDetails>> {
  const { rows } = await sql<NetworkDetails>`
    select p.instance_id,
      coalesce(array_agg(distinct host(f.address)) filter (where f.id is not null), '{}') as floating_addresses,
      coalesce(array_agg(distinct g.name) filter (where g.id is not null), '{}') as security_groups
    from port p
    left join floating_ip f on f.port_id = p.id
    left join port_security_group pg on pg.port_id = p.id
    left join security_group g on g.id = pg.security_group_id
    where p.instance_id = any(${[...ids]}::uuid[]) group by p.instance_id`.execute(db)
  return new Map(rows.map(row => [row.instance_id, row]))
}

/** The networks that each host's instances have ports in. */
async function networkIds(db: Db, host_ids: readonly string[]): Promise<Map<string, string[]>> {
  const { rows } = await sql<{ host_id: string; networks: string[] }>`
    select i.host_id, array_agg(distinct p.network_id::text) as networks
    from instance i join port p on p.instance_id = i.id
    where i.host_id = any(${[...host_ids]}::uuid[]) and i.deleted_at is null group by i.host_id`.execute(db)
  return new Map(rows.map(row => [row.host_id, row.networks]))
}

export const wanted = { versions, instances, networkIds }
