/**
 * A live cloud to play in: the real controller on a PostgreSQL of its own, in real time, with any number of simulated
 * hosts that start guests in a moment. The API answers as on a real cloud. Lines of standard input say what becomes of the hosts, and
 * what the controller does about it is told.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pino from 'pino'
import { splitAddress } from '../src/config.ts'
import { type Cloud, makeId } from '../src/controller/cloud.ts'
import { startController } from '../src/controller/controller.ts'
import { serveConsoles } from '../src/controller/http/console-socket.ts'
import { handlers } from '../src/controller/http/index.ts'
import { buildServer } from '../src/controller/http/server.ts'
import { openDatabase } from '../src/controller/store/database.ts'
import { startPostgres } from '../src/host/postgres.ts'
import { realClock } from '../src/lib/clock.ts'
import { version } from '../src/model/version.ts'
import { simulatedFencing } from './bmc.ts'
import { byHand } from './by-hand.ts'
import { Crowd } from './crowd.ts'
import { Machines } from './machines.ts'
import { Wires } from './network.ts'
import { plain } from './plain-log.ts'
import { seeded } from './random.ts'
import { scratch } from '../test/support/scratch.ts'

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
  /** Folder of the operator's own modules of the scheduler. */
  scheduler?: string | undefined
  /** The hosts' disks are in one pool that all reach; without it where there are few enough hosts. */
  shared?: boolean | undefined
}

const url = 'sim://playground'
/** More hosts than this hardly ever reach one file system. */
const sharing_max = 100

export async function playground(options: PlaygroundOptions): Promise<void> {
  const folder = await scratch('croft-playground')
  // What a module of the scheduler prints is of the level 'info'.
  const log = pino(
    { level: options.scheduler === undefined ? 'warn' : 'info' },
    {
      write: (line: string) => void process.stderr.write(plain(line)),
    },
  )
  const postgres = await startPostgres({
    data_dir: join(folder, 'data'),
    socket_dir: join(folder, 'run'),
    database: 'croft',
    die_with_parent: true,
  })
  const machines = new Machines()
  const running = await startController({
    self: { id: crypto.randomUUID(), name: 'playground', version, agent_url: 'https://127.0.0.1:1' },
    database: openDatabase({ url: postgres.url, onError: error => log.error({ err: error }) }),
    clock: realClock,
    random: { bytes: count => randomBytes(count) },
    log,
    sealer: { seal: (_, secret) => secret, unseal: (_, sealed) => sealed },
    images: { folder: join(folder, 'images') },
    fencing: simulatedFencing({ hosts: machines.hosts, time: realClock }),
    ...(options.plugins !== undefined && { plugins_folder: resolve(options.plugins) }),
    ...(options.scheduler !== undefined && { scheduler_folder: resolve(options.scheduler) }),
    wanted_of_hosts: { ovn_southbound: '', physical_networks: {}, external_gateway: null },
  })
  const { cloud, admin_password } = running
  const server = await buildServer(cloud, handlers, { ui: { folder: join(import.meta.dirname, '../dist/ui') } })
  serveConsoles(cloud, server.server)
  await addRecords(cloud)
  await server.listen(splitAddress(options.listen, '--listen'))
  const wires = new Wires(realClock, seeded('playground'))
  const shared_pool = options.shared ?? options.hosts <= sharing_max
  const dialler = wires.dialler([{ url, cloud: () => cloud }])
  await machines.add(cloud, options.hosts, shared_pool, dialler)
  console.log(`a simulated cloud of ${options.hosts} hosts answers at http://${options.listen}`)
  console.log(`web UI:   http://${options.listen}/ui/     user: admin     password: ${admin_password}`)
  console.log(`sign in:  ./croft sign-in --url http://${options.listen} --user admin     password: ${admin_password}`)
  if (!shared_pool && options.shared === undefined)
    console.log(
      `each host has a pool of its own: with more than ${sharing_max} they share one, as highly available instances need, only with --shared`,
    )
  if (!options.once) console.log("'help' says what can be done to its hosts here; end it with Ctrl-C")
  const crowd = new Crowd(cloud, admin_password ?? '', `http://${options.listen}`)
  if (options.instances > 0 || options.once) await crowd.allLinked(machines.hosts.size)
  if (options.instances > 0) await crowd.fill(options.instances)
  if (!options.once) await byHand({ cloud, machines, wires, folder, shared_pool, dialler })
  for (const host of machines.hosts.values()) host.powerCut()
  await server.close()
  await running.close()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
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
