/**
 * A controller over a real PostgreSQL, asked in process, for the tests of identity and trust: no agents, no networks.
 * Each has a database of its own, with the first start done.
 */
import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import type { AgentSessions } from '../../src/controller/agents/sessions.ts'
import { newSecret } from '../../src/controller/app/session.ts'
import { EventHub } from '../../src/controller/app/event-hub.ts'
import { Settings } from '../../src/controller/app/setting.ts'
import { bootstrap } from '../../src/controller/bootstrap.ts'
import type { Cloud } from '../../src/controller/cloud.ts'
import { handlers } from '../../src/controller/http/index.ts'
import { buildServer } from '../../src/controller/http/server.ts'
import { openDatabase } from '../../src/controller/store/database.ts'
import { migrate } from '../../src/controller/store/migrate.ts'
import { session } from '../../src/controller/store/session.ts'
import { realClock } from '../../src/lib/clock.ts'
import { testDatabase } from './postgres.ts'

export interface Answered {
  status: number
  // Tests look at answers of every kind; a wrong guess shows as a failed assertion.
  body: Record<string, unknown> & { items?: Record<string, unknown>[] }
  headers: Record<string, unknown>
}

export interface IdentityCloud {
  cloud: Cloud
  server: FastifyInstance
  admin_password: string
  /** A token of the administrator, in the project `default`. */
  admin: string
  project_id: string
  domain_id: string
  /** A token for this user, without the cost of a sign-in. */
  tokenOf(user_id: string, project_id?: string | null): Promise<string>
  request(
    method: string,
    path: string,
    options?: { token?: string | null; body?: unknown; headers?: Record<string, string>; address?: string },
  ): Promise<Answered>
  close(): Promise<void>
}

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
}

export async function identityCloud(): Promise<IdentityCloud> {
  const own = await testDatabase(prepare)
  const log = pino({ level: 'silent' })
  const database = openDatabase({ url: own.url, onError: error => log.error(error) })
  const settings = new Settings(database)
  const cloud: Cloud = {
    self: {
      id: '00000000-0000-7000-8000-000000000001',
      name: 'test',
      version: '0.0.0',
      agent_url: 'wss://127.0.0.1:1',
    },
    database,
    clock: realClock,
    random: { bytes: count => randomBytes(count) },
    log,
    settings,
    events: new EventHub({ database, clock: realClock, log }),
    // No test of identity reaches an agent.
    agents: {} as AgentSessions,
    sealer: { seal: (_, secret) => secret, unseal: (_, sealed) => sealed },
    images: { folder: '/nonexistent' },
    allow_private_downloads: false,
  }
  const { admin_password } = await bootstrap(cloud)
  if (admin_password === null) throw new Error('a new database had an administrator already')
  await settings.start(error => log.error(error))
  const server = await buildServer(cloud, handlers, { rate: { per_s: 100_000, burst: 100_000 } })
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
    admin_password,
    admin,
    project_id: String(user.default_project_id),
    domain_id: user.domain_id,
    tokenOf,
    async request(method, path, options = {}) {
      const token = options.token === undefined ? admin : options.token
      const reply = await server.inject({
        method: method as 'GET',
        url: path,
        remoteAddress: options.address ?? '127.0.0.1',
        headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...options.headers },
        ...(options.body !== undefined && { payload: options.body as object }),
      })
      const body = reply.body === '' ? {} : (JSON.parse(reply.body) as Answered['body'])
      return { status: reply.statusCode, body, headers: reply.headers }
    },
    async close() {
      await server.close()
      settings.close()
      await database.close()
      await own.drop()
    },
  }
}
