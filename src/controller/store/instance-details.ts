/** Which instances a change of networks reaches: their details count up, so that their hosts are told anew. */
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from './database.ts'

export interface Reached {
  id: string
  host_id: string
  project_id: string
}

/** The instances with a port on the network, or with an address of the subnet, or those named. */
export type Reach =
  | { network_id: string }
  | { subnet_id: string }
  | { security_group_id: string }
  | { instance_ids: readonly string[] }

function instancesOf(reach: Reach): RawBuilder<unknown> {
  if ('instance_ids' in reach) return sql`select unnest(${[...reach.instance_ids]}::uuid[])`
  if ('network_id' in reach) return sql`select p.instance_id from port p where p.network_id = ${reach.network_id}`
  if ('subnet_id' in reach) {
    return sql`select p.instance_id from port_address a join port p on p.id = a.port_id where a.subnet_id = ${reach.subnet_id}`
  }
  return sql`select p.instance_id from port_security_group g join port p on p.id = g.port_id
    where g.security_group_id = ${reach.security_group_id}`
}

async function bump(tx: Tx, reach: Reach): Promise<Reached[]> {
  const { rows } = await sql<Reached>`
    update instance set details_version = details_version + 1
    where id in (select i.id from instance i where i.id in (${instancesOf(reach)}) order by i.id for no key update)
    returning id, host_id, project_id`.execute(tx)
  return rows
}

export const instanceDetails = { bump }
