/**
 * A live cloud to play in: the real controller on a PostgreSQL of its own, in real time, with any number of simulated
 * hosts that start guests in a moment. The API answers as on a real cloud.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pino from 'pino'
import type { Log } from '../src/agent/ports.ts'
import { makeId } from '../src/controller/cloud.ts'
import { startController } from '../src/controller/controller.ts'
import { serveConsoles } from '../src/controller/http/console-socket.ts'
import { handlers } from '../src/controller/http/index.ts'
import { buildServer } from '../src/controller/http/server.ts'
import { openDatabase } from '../src/controller/store/database.ts'
import { startPostgres } from '../src/host/postgres.ts'
import { realClock } from '../src/lib/clock.ts'
import { version } from '../src/model/version.ts'
import { Crowd } from './crowd.ts'
import { factsOf } from './facts.ts'
import { SimulatedHost } from './host.ts'
import { Wires } from './network.ts'
import { seeded } from './random.ts'

export interface PlaygroundOptions {
  hosts: number
  /** Made as soon as all hosts are linked, through the API. */
  instances: number
  /** Ends when all of it runs. */
  once: boolean
  /** ADDRESS:PORT of the API, on loopback. */
  listen: string
  /** Folder of plug-ins of the web UI. */
  plugins?: string | undefined
}

const url = 'sim://playground'
const quiet: Log = { debug() {}, info() {}, warn() {}, error: (detail, text) => console.error(text, detail) }

export async function playground(options: PlaygroundOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'croft-playground-'))
  const log = pino({ level: 'warn' }, pino.destination(2))
  const postgres = await startPostgres({
    data_dir: join(folder, 'data'),
    socket_dir: join(folder, 'run'),
    database: 'croft',
    die_with_parent: true,
  })
  const running = await startController({
    self: { id: crypto.randomUUID(), name: 'playground', version, agent_url: 'https://127.0.0.1:1' },
    database: openDatabase({ url: postgres.url, onError: error => log.error({ err: error }) }),
    clock: realClock,
    random: { bytes: count => randomBytes(count) },
    log,
    sealer: { seal: (_, secret) => secret, unseal: (_, sealed) => sealed },
    images: { folder: join(folder, 'images') },
    ...(options.plugins !== undefined && { plugins_folder: resolve(options.plugins) }),
    wanted_of_hosts: { ovn_southbound: '', physical_networks: {}, external_gateway: null },
  })
  const { cloud, admin_password } = running
  const server = await buildServer(cloud, handlers, { ui: { folder: join(import.meta.dirname, '../dist/ui') } })
  serveConsoles(cloud, server.server)
  await addRecords(cloud)
  const separator = options.listen.lastIndexOf(':')
  await server.listen({ host: options.listen.slice(0, separator), port: Number(options.listen.slice(separator + 1)) })
  const wires = new Wires(realClock, seeded('playground'))
  const hosts = await addHosts(cloud, options.hosts, wires.dialler([{ url, cloud: () => cloud }]))
  console.log(`a simulated cloud of ${options.hosts} hosts answers at http://${options.listen}`)
  console.log(`web UI:   http://${options.listen}/ui/     user: admin     password: ${admin_password}`)
  console.log(`sign in:  ./croft sign-in --url http://${options.listen} --user admin     password: ${admin_password}`)
  if (!options.once) console.log('end it with Ctrl-C')
  const crowd = new Crowd(cloud, admin_password ?? '', `http://${options.listen}`)
  if (options.instances > 0 || options.once) await crowd.allLinked(hosts.length)
  if (options.instances > 0) await crowd.fill(options.instances)
  if (!options.once) {
    await new Promise(resolve => {
      process.once('SIGINT', resolve)
      process.once('SIGTERM', resolve)
    })
  }
  for (const host of hosts) host.powerCut()
  await server.close()
  await running.close()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

type Cloud = Awaited<ReturnType<typeof startController>>['cloud']

async function addHosts(cloud: Cloud, count: number, dialler: ReturnType<Wires['dialler']>): Promise<SimulatedHost[]> {
  const { db } = cloud.database
  const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
  const named = Array.from({ length: count }, (_, n) => ({ id: makeId<never>(cloud) as string, name: `host-${n + 1}` }))
  const rows = named.map(({ id, name }) => ({
    id,
    name,
    cluster_id: cluster.id,
    machine_id: factsOf(name).machine_id,
    certificate_sha256: Buffer.from(name),
  }))
  await db.insertInto('host').values(rows).execute()
  return named.map(({ id, name }) => {
    const host = new SimulatedHost({
      id,
      name,
      facts: factsOf(name, { cpus: 64, memory_mib: 262_144, pool_gib: 10_000 }),
      random: seeded(name),
      log: quiet,
      clockOf: () => realClock,
      measures: true,
      dialler,
    })
    host.powerOn()
    return host
  })
}

/** An image and a network, so that the first instance can be made at once. */
async function addRecords(cloud: Cloud): Promise<void> {
  const { db } = cloud.database
  const project = await db.selectFrom('project').select('id').executeTakeFirstOrThrow()
  const project_id = project.id
  const image = {
    name: 'tiny',
    visibility: 'public',
    status: 'ready',
    format: 'qcow2',
    sha256: 'ab'.repeat(32),
  } as const
  const sizes = { size_bytes: 1024, virtual_size_bytes: 1024 ** 2 }
  await db
    .insertInto('image')
    .values({ id: makeId<never>(cloud) as string, project_id, ...image, ...sizes })
    .execute()
  const network_id = makeId<never>(cloud) as string
  await db
    .insertInto('network')
    .values({ id: network_id, project_id, name: 'default', kind: 'overlay', mtu: 1442 })
    .execute()
  const pool = { gateway: '10.0.0.1', pool_start: '10.0.0.2', pool_end: '10.15.255.254', next_address: '10.0.0.2' }
  const subnet = { id: makeId<never>(cloud) as string, network_id, project_id, name: 'default', cidr: '10.0.0.0/12' }
  await db
    .insertInto('subnet')
    .values({ ...subnet, ...pool })
    .execute()
}
