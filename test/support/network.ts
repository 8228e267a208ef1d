/** Rows for tests of networks below the API: a project, a network, a subnet, instances. */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { realClock } from '../../src/lib/clock.ts'
import { formatAddress, parseCidr } from '../../src/lib/ip.ts'
import { makeId } from '../../src/controller/cloud.ts'
import type { Caller } from '../../src/controller/app/caller.ts'
import { type Database, openDatabase } from '../../src/controller/store/database.ts'
import { migrate } from '../../src/controller/store/migrate.ts'
import { testDatabase } from './postgres.ts'

export const makes = { clock: realClock, random: { bytes: (count: number) => new Uint8Array(randomBytes(count)) } }
export const id = () => makeId(makes)

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: () => undefined })
  await migrate(database.db)
  await database.close()
}

/** A migrated database with one project; closed and dropped when disposed. */
export async function networkDatabase() {
  const made = await testDatabase(prepare)
  const database = openDatabase({ url: made.url, onError: () => undefined })
  const project_id = await addProject(database, 'one')
  return {
    database,
    project_id,
    async [Symbol.asyncDispose]() {
      await database.close()
      await made.drop()
    },
  }
}

export async function addProject(database: Database, name: string): Promise<string> {
  const [domain_id, project_id] = [id(), id()]
  await database.db.insertInto('domain').values({ id: domain_id, name, parent_id: null }).execute()
  await database.db.insertInto('project').values({ id: project_id, domain_id, name }).execute()
  return project_id
}

export async function addNetwork(database: Database, project_id: string, cidrs: readonly string[]): Promise<string> {
  const network_id = id()
  await database.db
    .insertInto('network')
    .values({ id: network_id, project_id, name: 'net', kind: 'overlay', mtu: 1442, physical_network: null, vlan: null })
    .execute()
  for (const cidr of cidrs) {
    const range = parseCidr(cidr)
    if (!range) throw new Error(cidr)
    const at = (value: bigint) => formatAddress(range.family, value)
    const [pool_start, pool_end] = [at(range.first + 1n), at(range.last - 1n)]
    const gateway = pool_start
    const name = cidr
    await database.db
      .insertInto('subnet')
      .values({ id: id(), network_id, project_id, name, cidr, gateway, pool_start, pool_end, next_address: pool_start })
      .execute()
  }
  return network_id
}

/** Instances on one host, with nothing but what foreign keys ask for. */
export async function addInstances(database: Database, project_id: string, count: number): Promise<string[]> {
  const { db } = database
  const [zone_id, cluster_id, host_id] = [id(), id(), id()]
  await db.insertInto('zone').values({ id: zone_id, name: zone_id }).execute()
  await db.insertInto('cluster').values({ id: cluster_id, zone_id, name: cluster_id }).execute()
  await db
    .insertInto('host')
    .values({
      id: host_id,
      cluster_id,
      name: host_id,
      machine_id: host_id,
      certificate_sha256: Buffer.from(host_id),
      session_controller_id: null,
      last_seen_at: null,
      removed_at: null,
    })
    .execute()
  const ids = Array.from({ length: count }, () => String(id()))
  await sql`insert into instance (id, project_id, user_id, name, hostname, host_id, zone_id, flavor_id, flavor_name,
      image_name, vcpus, memory_mib, disk_gib, wanted_power)
    select x, ${project_id}, ${project_id}, 'i', 'i', ${host_id}, ${zone_id}, ${zone_id}, 'f', 'm', 1, 1, 1, 'running'
    from unnest(${ids}::uuid[]) as x`.execute(db)
  return ids
}

/** A caller in the project, for use cases called without HTTP. */
export function callerIn(project_id: string): Caller {
  const user_id = id()
  return {
    user_id,
    user_name: 'someone',
    user_domain_id: user_id,
    project_id,
    project_domain_id: null,
    on_system: new Set(),
    on_domains: new Map(),
    on_project: new Set(),
    on_instances: new Map(),
    request: {
      id: id(),
      method: 'POST',
      path: '/',
      action: 'test',
      status: 200,
      address: '127.0.0.1',
      idempotency_key: null,
      sha256: new Uint8Array(),
      if_match: null,
    },
  }
}
