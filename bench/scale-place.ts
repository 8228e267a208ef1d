/**
 * Placing among ten thousand hosts: the controller's own code in this process, on a PostgreSQL that syncs to disk. One placement
 * is all that it takes of a transaction: look at what has changed, decide, claim, keep the explanation, commit.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import pino from 'pino'
import { factsOf } from '../sim/facts.ts'
import type { Caller } from '../src/controller/app/caller.ts'
import { claimPlaces, planPlaces } from '../src/controller/app/placement.ts'
import type { Cloud } from '../src/controller/cloud.ts'
import { startController } from '../src/controller/controller.ts'
import type { PlacementAsked } from '../src/controller/scheduler/snapshot.ts'
import { openDatabase } from '../src/controller/store/database.ts'
import { startPostgres } from '../src/host/postgres.ts'
import { realClock } from '../src/lib/clock.ts'
import { spread, times } from './cloud/load.ts'
import { profiledHere } from './cloud/profile.ts'
import { type BenchContext, type FigureSpec, median, quantile } from './figures.ts'
import { scratch } from '../test/support/scratch.ts'

export const figures: readonly FigureSpec[] = [
  { name: 'scale.place_rate', unit: '/s', target: 2000, better: 'more' },
  { name: 'scale.place_p99', unit: 'ms', target: 5, better: 'less' },
  { name: 'scale.place_single_rate', unit: '/s', better: 'more' },
]

const hosts = 10_000
const clusters = 100
const batch = 1000
/** V8 compiles what it has run often beside all else, on one of two cores; after so many it has done with it. */
const warm_up = 6000
/** What a controller that has just been started is like. */
const first = 2000

export async function run(context: BenchContext): Promise<void> {
  await using undo = new AsyncDisposableStack()
  const cloud = await openCloud(undo)
  undo.use(renewed(cloud, await addHosts(cloud)))
  const project_id = await projectOf(cloud)
  const asked: PlacementAsked = {
    vcpus: 1,
    memory_mib: 1024,
    disk_gib: 10,
    project_id,
    zone_id: null,
    host_id: null,
    arch: 'x86_64',
    cpu_flags: ['avx2'],
    labels: {},
  }
  const one = () => place(cloud, asked, 1)
  const many = () => place(cloud, asked, batch)
  await times(300, one)
  await times(2, many)
  if (context.wants('scale.place_rate')) {
    const from = process.cpuUsage()
    const rounds = await profiledHere(context, 'scale.place_rate', () => times(10, many))
    noteCpu(context, 'scale.place_rate', from, 10 * batch)
    context.report({ name: 'scale.place_rate', value: batch / (median(rounds) / 1000) })
  }
  if (context.wants('scale.place_p99')) {
    const cold = await times(first, one)
    context.note(
      `# scale.place_p99: the first ${first}: p50 ${median(cold).toFixed(2)} ms, p99 ${quantile(cold, 0.99).toFixed(2)} ms`,
    )
    await times(warm_up - first, one)
    const from = process.cpuUsage()
    const taken = await profiledHere(context, 'scale.place_p99', () => times(2000, one))
    noteCpu(context, 'scale.place_p99', from, taken.length)
    context.note(`# scale.place_p99: p50 ${median(taken).toFixed(2)} ms, p90 ${quantile(taken, 0.9).toFixed(2)} ms`)
    context.report({ name: 'scale.place_p99', value: quantile(taken, 0.99) })
  }
  if (context.wants('scale.place_single_rate')) {
    const from_ms = performance.now()
    const done = await spread({ count: 5000, within_ms: 5000 }, 16, one)
    context.report({ name: 'scale.place_single_rate', value: done / ((performance.now() - from_ms) / 1000) })
  }
}

/** Holds still where the machine does other things besides. */
function noteCpu(context: BenchContext, name: string, from: NodeJS.CpuUsage, count: number): void {
  const { user, system } = process.cpuUsage(from)
  context.note(`# ${name}: CPU of the controller for each: ${((user + system) / 1000 / count).toFixed(3)} ms`)
}

async function openCloud(undo: AsyncDisposableStack): Promise<Cloud> {
  const folder = await scratch('croft-bench')
  undo.defer(() => rm(folder, { recursive: true, force: true }))
  const postgres = await startPostgres({
    data_dir: join(folder, 'data'),
    socket_dir: join(folder, 'run'),
    database: 'croft',
    die_with_parent: true,
  })
  undo.defer(() => postgres.stop())
  const log = pino({ level: 'warn' })
  const controller = await startController({
    self: { id: crypto.randomUUID(), name: 'bench', version: '0.0.0', agent_url: 'https://127.0.0.1:1' },
    database: openDatabase({ url: postgres.url, onError: error => log.warn({ err: error }) }),
    clock: realClock,
    random: { bytes: count => randomBytes(count) },
    log,
    sealer: { seal: (_, secret) => secret, unseal: (_, sealed) => sealed },
    images: { folder },
    wanted_of_hosts: { ovn_southbound: 'unix:/nonexistent', physical_networks: {}, external_gateway: null },
  })
  undo.defer(() => controller.close())
  return controller.cloud
}

/** A hundred clusters of a hundred hosts, each half full in its own way, with as many CPU flags as servers have. */
async function addHosts(cloud: Cloud): Promise<string> {
  const { db } = cloud.database
  const flags = ['avx2', ...Array.from({ length: 120 }, (_, n) => `flag_${n}`)]
  const facts = { ...factsOf('host', { cpus: 128, memory_mib: 512 * 1024, pool_gib: 8000 }), cpu_flags: flags }
  const zone = await db.selectFrom('zone').select('id').executeTakeFirstOrThrow()
  await sql`insert into cluster (id, zone_id, name) select gen_random_uuid(), ${zone.id}, 'c' || n from generate_series(1, ${clusters}::int) n`.execute(
    db,
  )
  // Their links are another controller's, which lives: this one would miss their heartbeats.
  const holder = crypto.randomUUID()
  await sql`insert into controller (id, name, agent_url, version, lease_until)
    values (${holder}, 'other', 'https://127.0.0.1:1', '0.0.0', croft_now() + interval '1 day')`.execute(db)
  await sql`insert into host (id, cluster_id, name, machine_id, certificate_sha256, facts, labels, vcpus_limit, memory_limit_mib,
      disk_limit_gib, session_controller_id)
    select gen_random_uuid(), c.id, 'host-' || n, 'machine-' || n, decode(md5(n::text), 'hex'), ${JSON.stringify(facts)}::jsonb,
      jsonb_build_object('rack', 'r' || n / 40), 512, ${512 * 1024}, 8000, ${holder}
    from generate_series(1, ${hosts}::int) n
    join cluster c on c.name = 'c' || (1 + n % ${clusters}::int)`.execute(db)
  await sql`update host_claim set vcpus = (random() * 256)::int, memory_mib = (random() * 262144)::int, disk_gib = (random() * 4000)::int`.execute(
    db,
  )
  await sql`vacuum analyze`.execute(db)
  return holder
}

/** Who never renews is taken for gone, whatever its lease says, and its hosts with it. */
function renewed(cloud: Cloud, holder: string): Disposable {
  const timer = setInterval(() => {
    sql`update controller set lease_until = croft_now() + interval '1 day' where id = ${holder}`
      .execute(cloud.database.db)
      .catch(error => cloud.log.error({ err: error }))
  }, 5000)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function projectOf(cloud: Cloud): Promise<string> {
  const { id } = await cloud.database.db.selectFrom('project').select('id').executeTakeFirstOrThrow()
  return id
}

/** An operator, who is told all. */
const caller: Caller = {
  user_id: crypto.randomUUID(),
  user_name: 'bench',
  user_domain_id: crypto.randomUUID(),
  project_id: null,
  project_domain_id: null,
  on_system: new Set(['topology.read']),
  on_domains: new Map(),
  on_project: new Set(),
  on_instances: new Map(),
  request: {
    id: crypto.randomUUID(),
    method: 'POST',
    path: '/v1/instances',
    action: 'instance.create',
    status: 202,
    address: '127.0.0.1',
    idempotency_key: null,
    sha256: new Uint8Array(32),
    if_match: null,
  },
}

async function place(cloud: Cloud, asked: PlacementAsked, count: number): Promise<void> {
  await cloud.database.transaction(async tx => {
    const plan = await planPlaces(cloud, tx, asked, count)
    await claimPlaces(cloud, tx, caller, plan, count, { keep: true })
  })
}
