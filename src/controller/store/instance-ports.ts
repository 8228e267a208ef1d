/** Ports as instances have them: read the way hosts want them, taken and let go many at once. */
import { sql } from 'kysely'
import type { NicModel } from '../../model/nic.ts'
import type { WantedNetwork, WantedPort } from '../../protocol/wanted.ts'
import { channels, type Db, type Tx } from './database.ts'
import type { PortKind } from './port.ts'

interface WantedRow {
  instance_id: string
  port_id: string
  network_id: string
  mac: string
  mtu: number
  model: WantedPort['model']
  addresses: { address: string; prefix_length: number; gateway: string | null; dns: string[] }[]
}

/** The ports of instances as their hosts want them, in the order of the instance's NICs. One query for all. */
async function wanted(db: Db, instance_ids: readonly string[]): Promise<Map<string, WantedPort[]>> {
  const { rows } = await sql<WantedRow>`
    select p.instance_id, p.id as port_id, p.network_id, p.mac::text as mac, n.mtu, p.model, coalesce((
      select json_agg(json_build_object(
          'address', host(a.address), 'prefix_length', masklen(s.cidr), 'gateway', host(s.gateway),
          'dns', array(select host(d) from unnest(s.dns) as d)
        ) order by family(a.address), a.address)
      from port_address a join subnet s on s.id = a.subnet_id where a.port_id = p.id
    ), '[]') as addresses
    from port p join network n on n.id = p.network_id
    where p.instance_id = any(${instance_ids}::uuid[])
    order by p.instance_id, p.position, p.id`.execute(db)
  const byInstance = new Map<string, WantedPort[]>(instance_ids.map(id => [id, []]))
  for (const { instance_id, addresses, ...port } of rows) {
    byInstance.get(instance_id)?.push({
      ...port,
      addresses: addresses.map(({ address, prefix_length, gateway }) => ({ address, prefix_length, gateway })),
      dns: [...new Set(addresses.flatMap(address => address.dns))],
    })
  }
  return byInstance
}

/**
 * The networks that instances of these hosts have ports in, with what hosts need for the metadata service, and on which of the
 * hosts; a network without a metadata port is left out.
 */
async function wantedNetworks(
  db: Db,
  host_ids: readonly string[],
): Promise<{ hosts: string[]; network: WantedNetwork }[]> {
  const { rows } = await sql<WantedNetwork & { hosts: string[] }>`
    with reached as materialized (
      select p.network_id, array_agg(distinct i.host_id::text) as hosts from instance i join port p on p.instance_id = i.id
      where i.host_id = any(${[...host_ids]}::uuid[]) and i.deleted_at is null group by p.network_id
    )
    select r.hosts, n.id as network_id, n.version, n.mtu, p.id as metadata_port_id, p.mac::text as metadata_mac, coalesce((
      select json_agg(json_build_object(
          'address', host(a.address), 'prefix_length', masklen(s.cidr), 'gateway', host(s.gateway)
        ) order by family(a.address), a.address)
      from port_address a join subnet s on s.id = a.subnet_id where a.port_id = p.id
    ), '[]') as metadata_addresses
    from reached r join network n on n.id = r.network_id join port p on p.network_id = n.id and p.kind = 'metadata'
    order by n.id`.execute(db)
  return rows.map(({ hosts, ...network }) => ({ hosts, network }))
}

/** Existing free ports of a project that instances may take, locked. */
async function lockFree(tx: Tx, project_id: string, port_ids: readonly string[]) {
  const { rows } = await sql<{
    id: string
    network_id: string
    kind: PortKind
    instance_id: string | null
    mac: string
  }>`
    select id, network_id, kind, instance_id, mac::text as mac from port
    where id = any(${port_ids}::uuid[]) and project_id = ${project_id} and kind in ('free', 'instance')
    order by id for update`.execute(tx)
  return rows
}

/** `model`: of the NIC, which is the instance's to say whoever made the port; as it was when not given. */
async function attach(tx: Tx, port_id: string, instance_id: string, position: number, model?: NicModel): Promise<void> {
  await tx
    .updateTable('port')
    .set({ kind: 'instance', instance_id, position, ...(model && { model }), version: sql`version + 1` })
    .where('id', '=', port_id)
    .execute()
}

/**
 * Takes ports off instances: those that users had made before are free again, the others are deleted with their
 * addresses; floating addresses on either are let go, and kept.
 */
async function release(tx: Tx, instance_ids: readonly string[]) {
  const { rows } = await sql<{
    noun: 'floating-ip' | 'port'
    kind: 'changed' | 'deleted'
    id: string
    project_id: string
  }>`
    with gone as (
      select id, kept from port where instance_id = any(${instance_ids}::uuid[])
    ), floating as (
      update floating_ip set port_id = null, fixed_address = null, router_id = null, version = version + 1
      where port_id in (select id from gone) returning id, project_id
    ), freed as (
      update port set instance_id = null, kind = 'free', version = version + 1
      where id in (select id from gone where kept) returning id, project_id
    ), deleted as (
      delete from port where id in (select id from gone where not kept) returning id, project_id
    )
    select released.* from (
      select 'floating-ip' as noun, 'changed' as kind, id, project_id from floating union all
      select 'port', 'changed', id, project_id from freed union all
      select 'port', 'deleted', id, project_id from deleted
    ) released, (select pg_notify(${channels.network}, '')) told`.execute(tx)
  return rows
}

export const instancePorts = { wanted, wantedNetworks, lockFree, attach, release }
