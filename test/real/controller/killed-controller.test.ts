/**
 * A controller killed with kill -9, of two as processes over one database, with hosts that dial them as agents do: over mutual TLS, by the
 * agent's own code over a hypervisor in memory. Hosts are back at the other within seconds, and no request is lost or done twice.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import pino from 'pino'
import { factsOf } from '../../../sim/facts.ts'
import { SimulatedHost } from '../../../sim/host.ts'
import { seeded } from '../../../sim/random.ts'
import { loadControllers } from '../../../src/agent/controllers.ts'
import { type ControllerClient, createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import { joinHost } from '../../../src/agent/join.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { type ControllerProcess, startControllerProcess } from '../../support/controller-process.ts'
import { eventually } from '../../support/eventually.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const hosts_count = 4

describe('controller/killed-controller', { timeout: 180_000 }, () => {
  let dir = ''
  let database: TestDatabase
  let client: pg.Client
  let token = ''
  const controllers: ControllerProcess[] = []
  const hosts: SimulatedHost[] = []
  const clients: ControllerClient[] = []
  const log = pino({ level: 'silent' })

  interface Answer {
    status: number
    body: Record<string, unknown> & { items?: Record<string, unknown>[] }
  }

  async function ask(
    at: ControllerProcess,
    method: string,
    path: string,
    body?: unknown,
    headers = {},
  ): Promise<Answer> {
    const answer = await fetch(at.url + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text ? (JSON.parse(text) as Answer['body']) : {} }
  }

  async function addHost(at: ControllerProcess, name: string): Promise<void> {
    const invited = await ask(at, 'POST', '/v1/host-invitations', {})
    assert.equal(invited.status, 201, JSON.stringify(invited.body))
    const state_dir = join(dir, name)
    const asked = { controller_url: at.agent_url, token: String(invited.body.token), state_dir, name }
    const identity = await joinHost({ ...asked, machine_id: `machine-of-${name}` })
    const urls = await loadControllers(state_dir, identity.link_urls, log)
    const dialler = createControllerClient(identity, urls)
    clients.push(dialler)
    const host = new SimulatedHost({
      id: identity.host_id,
      name,
      facts: factsOf(name, { memory_mib: 64_000 }),
      random: seeded(name),
      log,
      latency_ms: { low: 1, high: 5 },
      clockOf: () => realClock,
      dialler: () => dialler,
    })
    hosts.push(host)
    host.powerOn()
  }

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'croft-killed-'))
    database = await testDatabase()
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    const first = join(dir, 'one')
    const one = await startControllerProcess(database.url, first)
    controllers.push(one)
    const password = (await readFile(join(first, 'first-password'), 'utf8')).trim()
    const signed = await ask(one, 'POST', '/v1/sign-in', { user: 'admin', password })
    assert.equal(signed.status, 201, JSON.stringify(signed.body))
    token = String(signed.body.token)
    const second = join(dir, 'two')
    await mkdir(second)
    for (const shared of ['images', 'seal.key']) await symlink(join(first, shared), join(second, shared))
    controllers.push(await startControllerProcess(database.url, second))
    for (let n = 1; n <= hosts_count; n++) await addHost(one, `h${n}`)
    await eventually(async () => assert.deepEqual([...(await linkedTo()).values()].reduce(sum, 0), hosts_count), 30_000)
  })
  after(async () => {
    for (const host of hosts) await host.stop()
    for (const one of clients) one.close()
    for (const one of controllers) await one.kill()
    await client.end()
    await database.drop()
    await rm(dir, { recursive: true })
  })

  const sum = (all: number, one: number) => all + one

  /** How many links each controller has, by where agents dial it. */
  async function linkedTo(): Promise<Map<string, number>> {
    const { rows } = await client.query<{
      agent_url: string
      n: number
    }>(`select c.agent_url, count(*)::int as n from host h
      join controller c on c.id = h.session_controller_id where h.removed_at is null group by 1`)
    return new Map(rows.map(row => [row.agent_url, row.n]))
  }

  test('its hosts are at the other within seconds; each request made meanwhile is done, and once', async () => {
    const at = async (url: string) => (await linkedTo()).get(url) ?? 0
    const [one, two] = controllers as [ControllerProcess, ControllerProcess]
    // The one with more hosts goes.
    const [dies, stays] = (await at(one.agent_url)) >= (await at(two.agent_url)) ? [one, two] : [two, one]
    const [flavor] = (await ask(stays, 'GET', '/v1/flavors?name=tiny')).body.items ?? []
    const project = await client.query<{ id: string }>("select id from project where name = 'default'")
    await client.query(
      `insert into image (id, project_id, name, status, format, size_bytes, sha256, virtual_size_bytes)
       values (gen_random_uuid(), $1, 'made', 'ready', 'qcow2', 1024, repeat('ab', 32), 67108864)`,
      [project.rows[0]?.id],
    )
    const [image] = (await ask(stays, 'GET', '/v1/images?name=made')).body.items ?? []
    const made = { flavor_id: flavor?.id, image_id: image?.id, networks: [] }

    /** As a client does it: with a key, and with the same again elsewhere when nothing came back. */
    const create = async (n: number): Promise<{ id: string; attempts: number }> => {
      for (let attempts = 1; ; attempts++) {
        const there = attempts === 1 && n % 2 === 0 ? dies : stays
        try {
          const headers = { 'idempotency-key': `create-${n}` }
          const answer = await ask(there, 'POST', '/v1/instances', { ...made, name: `vm-${n}` }, headers)
          if (answer.status === 202) return { id: String(answer.body.items?.[0]?.id), attempts }
          if (attempts > 20) assert.fail(JSON.stringify(answer.body))
        } catch (error) {
          if (attempts > 20) throw error
        }
        await pause(100)
      }
    }
    const count = 24
    const creates: Promise<{ id: string; attempts: number }>[] = []
    for (let n = 0; n < count / 2; n++) creates.push(create(n))
    // Some are done, some on their way.
    await Promise.race(creates)
    const killed = dies.kill()
    for (let n = count / 2; n < count; n++) creates.push(create(n))
    await killed
    const done = await Promise.all(creates)
    await eventually(async () => assert.equal(await at(stays.agent_url), hosts_count), 60_000)

    const { rows } = await client.query<{ name: string; n: number }>(
      "select name, count(*)::int as n from instance where name like 'vm-%' group by name order by name",
    )
    assert.equal(rows.length, count, 'none is lost')
    assert.deepEqual(
      rows.filter(row => row.n !== 1),
      [],
      'none was made twice',
    )
    assert.equal(new Set(done.map(one_made => one_made.id)).size, count)
    // And carried out, once each, wherever they are.
    await eventually(async () => {
      const running = hosts.flatMap(host => [...host.domains.values()].filter(domain => domain.power === 'running'))
      assert.equal(new Set(running.map(domain => domain.id)).size, count)
      assert.equal(running.length, count)
      const { body } = await ask(stays, 'GET', '/v1/instances?limit=100')
      assert.deepEqual([...new Set(body.items?.map(item => item.state))], ['running'])
    }, 60_000)
  })
})
