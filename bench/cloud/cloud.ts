/**
 * The cloud that is measured: an embedded PostgreSQL that syncs to disk, the controller's own program as a process, and a
 * processes of hosts on the real protocol. Prepared by the API as an operator would: limits lifted, a network, one image.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { type RunningPostgres, startPostgres } from '../../src/host/postgres.ts'
import { quotaResources } from '../../src/model/quota.ts'
import { Connection } from './client.ts'
import { type Controller, startController } from './controller.ts'
import { type Hosts, startHosts } from './hosts.ts'
import type { HostsOrder } from './hosts-main.ts'
import { Statements } from './statements.ts'
import { scratch } from '../../test/support/scratch.ts'

export interface BenchCloud {
  url: string
  token: string
  database_url: string
  /** The controller's folder. */
  state: string
  controller: Controller
  postgres: RunningPostgres
  statements: Statements | null
  hosts: Hosts
  /** Process ids of the parts, for what they cost. */
  pids: { controller: number; postgres: number; hosts: readonly number[] }
  project_id: string
  /** Body of a create of one tiny instance, without its name. */
  instance: { flavor_id: string; image_id: string; networks: { network_id: string }[] }
  open(token?: string): Promise<Connection>
  /** Kills the controller without a word and starts another in its place, at the same addresses. */
  replaceController(): Promise<void>
  close(): Promise<void>
}

export interface CloudOptions {
  /** Simulated hosts; 100 unless given. */
  hosts?: number
  /** They dial again when their link ends, in place of ending the bench, and measure as they are told to. */
  whole_hosts?: boolean
  /** What each of them has; very much unless given. */
  size?: HostsOrder['size']
  /** Let PostgreSQL count statements. */
  statements?: boolean
  /** Open the inspectors of controller and hosts, for profiles. */
  inspect?: boolean
}

export async function startCloud(options: CloudOptions = {}): Promise<BenchCloud> {
  await using undo = new AsyncDisposableStack()
  const folder = await scratch('croft-bench')
  undo.defer(() => rm(folder, { recursive: true, force: true }))
  const postgres = await startPostgres({
    data_dir: join(folder, 'data'),
    socket_dir: join(folder, 'run'),
    database: 'croft',
    die_with_parent: true,
    ...(options.statements && { settings: Statements.settings }),
  })
  undo.defer(() => postgres.stop())
  const state = join(folder, 'state')
  const started = { database_url: postgres.url, state, inspect: options.inspect ?? false }
  let controller = await startController(started)
  undo.defer(() => controller.stop())
  const statements = options.statements ? await Statements.open(postgres.url) : null
  undo.defer(() => statements?.close())
  const password = (await readFile(join(state, 'first-password'), 'utf8')).trim()
  const signIn = await Connection.open(controller.url, '')
  const signed = await signIn.json<SignedIn>('POST', '/v1/sign-in', { user: 'admin', password })
  signIn.close()
  const open = (token = signed.token) => Connection.open(controller.url, token)
  const admin = await open()
  undo.defer(() => admin.close())
  const instance = await prepare(admin, signed.project, postgres.url)
  const hosts = await startHosts(open, {
    hosts: options.hosts ?? 100,
    whole: options.whole_hosts ?? false,
    size: options.size ?? roomy,
    folder: join(folder, 'hosts'),
    inspect: options.inspect ?? false,
  })
  undo.defer(hosts.end)
  const all = undo.move()
  return {
    url: controller.url,
    token: signed.token,
    database_url: postgres.url,
    state,
    get controller() {
      return controller
    },
    postgres,
    statements,
    hosts,
    get pids() {
      return { controller: controller.pid, postgres: postgres.process.pid ?? 0, hosts: hosts.pids }
    },
    project_id: signed.project.id,
    instance,
    open,
    replaceController: async () => {
      await controller.kill()
      controller = await startController({ ...started, listens: controller.listens })
    },
    close: () => all.disposeAsync(),
  }
}

interface SignedIn {
  token: string
  project: { id: string; domain_id: string }
}

/** No request and no host that joins waits for a limit, no create for a quota. */
async function prepare(
  admin: Connection,
  project: SignedIn['project'],
  database_url: string,
): Promise<BenchCloud['instance']> {
  for (const rate of ['api.requests_per_s', 'host.joins_per_s'])
    await admin.json('PUT', `/v1/settings/${rate}`, { value: 1_000_000 })
  const limits = Object.fromEntries(quotaResources.map(name => [name, null]))
  await admin.json('PUT', `/v1/quotas/project/${project.id}`, limits)
  await admin.json('PUT', `/v1/quotas/domain/${project.domain_id}`, limits)
  const network = await admin.json<{ id: string }>('POST', '/v1/networks', { name: 'bench' })
  await admin.json('POST', '/v1/subnets', { name: 'bench', network_id: network.id, cidr: '10.0.0.0/12' })
  const flavors = await admin.json<{ items: { id: string }[] }>('GET', '/v1/flavors?name=tiny')
  const image_id = await addImage(database_url, project.id)
  return { flavor_id: flavors.items[0]?.id ?? '', image_id, networks: [{ network_id: network.id }] }
}

/** An image without content, straight into the database: these hosts fetch none. */
async function addImage(database_url: string, project_id: string): Promise<string> {
  const id = crypto.randomUUID()
  const client = new Client({ connectionString: database_url })
  await client.connect()
  try {
    await client.query(
      `insert into image (id, project_id, name, visibility, status, format, sha256, size_bytes, virtual_size_bytes)
       values ($1, $2, 'tiny', 'public', 'ready', 'qcow2', $3, 1024, 1048576)`,
      [id, project_id, 'ab'.repeat(32)],
    )
  } finally {
    await client.end()
  }
  return id
}

const roomy = { cpus: 2000, memory_mib: 4_000_000, pool_gib: 100_000 }
