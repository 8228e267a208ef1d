/**
 * A whole controller over a real PostgreSQL, asked in process. Each has a database of its own, with the first start done.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import type { ReplyOf, Route } from '../../src/api/route.ts'
import { newSecret } from '../../src/controller/app/session.ts'
import type { Cloud } from '../../src/controller/cloud.ts'
import { startController } from '../../src/controller/controller.ts'
import { handlers } from '../../src/controller/http/index.ts'
import { buildServer } from '../../src/controller/http/server.ts'
import { type DatabaseOptions, openDatabase } from '../../src/controller/store/database.ts'
import { migrate } from '../../src/controller/store/migrate.ts'
import { session } from '../../src/controller/store/session.ts'
import { type Clock, realClock } from '../../src/lib/clock.ts'
import { testDatabase } from './postgres.ts'
import { type CallOptions, pathOf, replyOf } from './reply.ts'
import { scratch } from './scratch.ts'

export interface Answered {
  status: number
  // Tests look at answers of every kind; a wrong guess shows as a failed assertion.
  body: Record<string, unknown> & { items?: Record<string, unknown>[] }
  headers: Record<string, unknown>
}

export interface AskOptions {
  /** Null: none. Without it the administrator's. */
  token?: string | null
  body?: unknown
  headers?: Record<string, string>
  address?: string
}

type CallArguments<R extends Route> = {} extends CallOptions<R> ? [options?: CallOptions<R>] : [options: CallOptions<R>]

export interface TestCloud {
  cloud: Cloud
  server: FastifyInstance
  /** Empty when another controller made the account. */
  admin_password: string
  /** A token of the administrator, in the project `default`. */
  admin: string
  admin_user_id: string
  project_id: string
  domain_id: string
  /** Once another controller works under its id. */
  doubled: Promise<Error>
  /** A token for this user, without the cost of a sign-in. */
  tokenOf(user_id: string, project_id?: string | null): Promise<string>
  request(method: string, path: string, options?: AskOptions): Promise<Answered>
  /** What a route of the contract answers; fails when it is refused. */
  call<R extends Route>(route: R, ...options: CallArguments<R>): Promise<ReplyOf<R>>
  close(): Promise<void>
}

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
}

export interface TestCloudOptions {
  /** A database of one's own in place of a fresh one on the test server. */
  database_url?: string
  /** Folder of the built web UI, to be served, too. */
  ui?: string
  /** Folder of the scheduler's modules. */
  scheduler?: string
  /** Folder of plug-ins of the web UI. */
  plugins?: string
  /** Without it the machine's. */
  clock?: Clock
  /** Without it one of its own. */
  controller_id?: string
  /** To the database: by standard few, for each that is opened costs PostgreSQL some 20 ms. */
  connections?: Pick<DatabaseOptions, 'connections_max' | 'connection_wait_ms' | 'lock_wait_ms'>
}

export async function testCloud(options: TestCloudOptions = {}): Promise<TestCloud> {
  const own = options.database_url === undefined ? await testDatabase(prepare) : null
  const url = own?.url ?? options.database_url ?? ''
  const folder = await scratch('croft-images')
  const log = pino({ level: 'silent' })
  const connections = { connections_max: 6, ...options.connections }
  const database = openDatabase({ url, ...connections, onError: error => log.error(error) })
  const controller = await startController({
    self: {
      id: options.controller_id ?? crypto.randomUUID(),
      name: 'test',
      version: '0.0.0',
      agent_url: 'https://127.0.0.1:1',
    },
    database,
    clock: options.clock ?? realClock,
    random: { bytes: count => randomBytes(count) },
    log,
    sealer: { seal: (_, secret) => secret, unseal: (_, sealed) => sealed },
    images: { folder },
    ...(options.plugins !== undefined && { plugins_folder: options.plugins }),
    ...(options.scheduler !== undefined && { scheduler_folder: options.scheduler }),
    wanted_of_hosts: { ovn_southbound: 'unix:/nonexistent', physical_networks: {}, external_gateway: null },
  })
  const { cloud, admin_password } = controller
  const server = await buildServer(cloud, handlers, {
    rate: { per_s: 100_000, burst: 100_000 },
    ...(options.ui !== undefined && { ui: { folder: options.ui } }),
  })
  const user = await database.db.selectFrom('user').selectAll().where('name', '=', 'admin').executeTakeFirstOrThrow()
  const tokenOf = async (user_id: string, project_id: string | null = null) => {
    const { secret, sha256 } = newSecret(cloud, 't')
    await session.insert(database.db, { secret_sha256: sha256, user_id, project_id }, 60)
    return secret
  }
  const admin = await tokenOf(user.id, user.default_project_id)
  return {
    cloud,
    server,
    admin_password: admin_password ?? '',
    admin,
    admin_user_id: user.id,
    project_id: String(user.default_project_id),
    domain_id: user.domain_id,
    doubled: controller.doubled,
    tokenOf,
    request: (method, path, options = {}) => ask(server, method, path, { token: admin, ...options }),
    async call(route, ...[options]) {
      const { params, query, ...asked } = options ?? {}
      const path = pathOf(route, params, query)
      return replyOf(route, await ask(server, route.method, path, { token: admin, ...asked }))
    },
    async close() {
      await server.close()
      await controller.close()
      await own?.drop()
      await rm(folder, { recursive: true })
    },
  }
}

async function ask(server: FastifyInstance, method: string, path: string, options: AskOptions): Promise<Answered> {
  const reply = await server.inject({
    method: method as 'GET',
    url: path,
    remoteAddress: options.address ?? '127.0.0.1',
    headers: { ...(options.token && { authorization: `Bearer ${options.token}` }), ...options.headers },
    ...(options.body !== undefined && { payload: options.body as object }),
  })
  const body = reply.body === '' ? {} : (JSON.parse(reply.body) as Answered['body'])
  return { status: reply.statusCode, body, headers: reply.headers }
}
