/** The records that every run begins with: an administrator's token, an image, a flavor, a network, hosts that have joined. */
import { createHash, randomBytes } from 'node:crypto'
import pino from 'pino'
import { bootstrap } from '../src/controller/bootstrap.ts'
import { migrate } from '../src/controller/store/migrate.ts'
import type { VirtualClock } from './clock.ts'
import { databaseOf, type Engine } from './database.ts'

export interface Records {
  token: string
  image_id: string
  iso_id: string
  /** With ephemeral and swap disks. */
  disks_flavor_id: string
  flavor_id: string
  network_id: string
  hosts: { id: string; name: string }[]
}

const token = 'croft_t_simulated-simulated-simulated-simulated-sim'

function idOf(kind: number, n: number): string {
  return `00000000-0000-7000-${(0x8000 + kind).toString(16)}-${n.toString(16).padStart(12, '0')}`
}

/** A fresh cloud in the engine: the first call migrates, later ones empty what the run before left. */
export async function prepareRecords(
  engine: Engine,
  clock: VirtualClock,
  host_count: number,
  recovery_minutes: number,
): Promise<Records> {
  const process = {
    name: 'setup',
    alive: true,
    away: false,
    returned: new Set<() => void>(),
    fault: () => 'none' as const,
    killed() {},
  }
  const database = databaseOf(engine, process)
  await migrate(database.db)
  await empty(engine)
  await bootstrap({
    database,
    clock,
    random: { bytes: (count: number) => randomBytes(count) },
    log: pino({ level: 'silent' }),
  } as never)
  const query = async <T>(text: string, parameters: unknown[] = []) =>
    (await engine.pglite.query<T>(text, parameters)).rows
  const [user] = await query<{ id: string; project_id: string }>(
    'select id, default_project_id as project_id from "user"',
  )
  const [cluster] = await query<{ id: string }>('select id from cluster')
  const [flavor] = await query<{ id: string }>("select id from flavor where name = 'tiny'")
  if (!user || !cluster || !flavor) throw new Error('the first start has left something out')
  const sha256 = createHash('sha256').update(token).digest()
  await query("insert into token (secret_sha256, user_id, project_id, expires_at) values ($1, $2, $3, '2100-01-01')", [
    new Uint8Array(sha256),
    user.id,
    user.project_id,
  ])
  const image_id = idOf(1, 1)
  await query(
    `insert into image (id, project_id, name, status, format, size_bytes, virtual_size_bytes, sha256)
     values ($1, $2, 'tiny', 'ready', 'qcow2', 1024, 1048576, 'ab')`,
    [image_id, user.project_id],
  )
  const iso_id = idOf(1, 2)
  await query(
    `insert into image (id, project_id, name, status, format, size_bytes, virtual_size_bytes, sha256)
     values ($1, $2, 'installer', 'ready', 'iso', 1024, 1048576, 'cd')`,
    [iso_id, user.project_id],
  )
  const disks_flavor_id = idOf(5, 1)
  await query(
    `insert into flavor (id, name, vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib)
     values ($1, 'disks', 1, 128, 1, 2, 1500) on conflict do nothing`,
    [disks_flavor_id],
  )
  const network_id = idOf(2, 1)
  await query("insert into network (id, project_id, name, kind, mtu) values ($1, $2, 'net', 'overlay', 1442)", [
    network_id,
    user.project_id,
  ])
  await query(
    `insert into subnet (id, network_id, project_id, name, cidr, gateway, pool_start, pool_end, next_address)
     values ($1, $2, $3, 'sub', '10.0.0.0/22', '10.0.0.1', '10.0.0.2', '10.0.3.254', '10.0.0.2')`,
    [idOf(3, 1), network_id, user.project_id],
  )
  await query("insert into setting (name, value) values ('instance.recovery_minutes', $1)", [recovery_minutes])
  const hosts = Array.from({ length: host_count }, (_, n) => ({ id: idOf(4, n + 1), name: `h${n + 1}` }))
  for (const { id, name } of hosts) {
    await query('insert into host (id, cluster_id, name, machine_id, certificate_sha256) values ($1, $2, $3, $3, $4)', [
      id,
      cluster.id,
      name,
      new Uint8Array(Buffer.from(name)),
    ])
  }
  return { token, image_id, iso_id, disks_flavor_id, flavor_id: flavor.id, network_id, hosts }
}

/** What the first start makes stays: hashing the administrator's password is slow on purpose. */
const kept = ['domain', 'project', 'user', 'role', 'role_grant', 'flavor', 'region', 'zone', 'cluster', 'quota']

async function empty(engine: Engine): Promise<void> {
  await engine.pglite.query('rollback')
  const names = kept.map(name => `'${name}'`).join(', ')
  await engine.pglite.exec(`do $$ declare t text; begin
    select string_agg(quote_ident(tablename), ', ') into t from pg_tables
      where schemaname = 'public' and tablename not like 'kysely%' and tablename not in (${names});
    -- Grants refer to instances, so that they would go with them.
    create temp table grants on commit drop as select * from role_grant where instance_id is null;
    execute 'truncate ' || t || ' restart identity cascade';
    insert into role_grant select * from grants; update quota set used = 0; end $$`)
}
