/**
 * A database restored from an older backup, under hosts that go on: real agents over simulated hypervisors keep what they were
 * told since. Nothing is lost by it, nothing is said to have succeeded that did not happen, and an operator settles it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import pino from 'pino'
import { factsOf } from '../../../sim/facts.ts'
import { SimulatedHost } from '../../../sim/host.ts'
import { seeded } from '../../../sim/random.ts'
import type { LinkDialler } from '../../../src/agent/agent.ts'
import { type Host, hostRoutes } from '../../../src/api/host.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addImage, addNetwork } from '../../support/obedient-host.ts'
import { testDatabase, testServer } from '../../support/postgres.ts'

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: await testServer() })
  await client.connect()
  await client.query(statement)
  await client.end()
}

const backup = `backup_${process.pid}`
let cloud: TestCloud
let host: SimulatedHost
let host_id: string
const ids: Record<string, string> = {}

/** Dials whichever controller there is now. */
function dialler(self: SimulatedHost, alive: () => boolean): LinkDialler {
  return {
    urls: ['test://controller'],
    stream: () => Promise.reject(new Error('no streams here')),
    async dial(_url, handlers) {
      if (!alive() || self.cut) throw new Error('nobody answers')
      const { agents } = cloud.cloud
      let open = true
      const close = (reason: string) => {
        if (!open) return
        open = false
        void agents.closed(session)
        setImmediate(() => handlers.closed(reason))
      }
      const session = agents.accept(self.id, {
        send: frame => setImmediate(() => open && alive() && handlers.message(JSON.stringify(frame))),
        close,
      })
      return { send: text => void (open && session.receive(text)), close: () => close('closed by the agent') }
    },
  }
}

/** Asks again with each event until it holds. */
async function until<T>(what: string, check: () => Promise<T | false | undefined>): Promise<T> {
  const late = AbortSignal.timeout(15_000)
  for (;;) {
    const next = Promise.withResolvers<void>()
    const unwatch = cloud.cloud.events.watch(() => next.resolve())
    const abort = () => next.reject(new Error(`never: ${what}`))
    late.addEventListener('abort', abort)
    try {
      const held = await check()
      if (held) return held
      await next.promise
    } finally {
      unwatch()
      late.removeEventListener('abort', abort)
      next.promise.catch(() => undefined)
    }
  }
}

const ask = (method: string, path: string, body?: object): Promise<Answered> =>
  cloud.request(method, path, { ...(body && { body }), headers: { prefer: 'wait=10' } })

async function create(name: string): Promise<string> {
  const flavors = await ask('GET', '/v1/flavors?name=tiny')
  const { body, status } = await ask('POST', '/v1/instances', {
    name,
    flavor_id: flavors.body.items?.[0]?.id,
    image_id: ids.image,
    networks: [{ network_id: ids.network }],
  })
  assert.equal(status, 202, JSON.stringify(body))
  assert.equal((body.operation as Operation).state, 'succeeded', JSON.stringify(body.operation))
  return String(body.items?.[0]?.id)
}

async function act(name: string, verb: 'start' | 'stop' | 'delete' | 'recover' | 'purge' | 'reboot'): Promise<void> {
  const id = ids[name]
  const { body, status } =
    verb === 'delete' || verb === 'purge'
      ? await ask('DELETE', `/v1/instances/${id}${verb === 'purge' ? '?purge=true' : ''}`)
      : await ask('POST', `/v1/instances/${id}/${verb}`, {})
  assert.equal(status, 202, JSON.stringify(body))
  if (verb !== 'purge') assert.equal((body.operation as Operation).state, 'succeeded', JSON.stringify(body))
}

const shown = (name: string) => cloud.call(instanceRoutes.get, { params: { instance: String(ids[name]) } })
const showHost = () => cloud.call(hostRoutes.get, { params: { host: host_id } })
const powerOf = (name: string) => host.domains.get(ids[name] ?? '')?.power
const disksOf = (name: string) => [...host.volumes].filter(([, owner]) => owner === ids[name]).length

async function restart(url: string): Promise<void> {
  host.cut = true
  await cloud.close()
  cloud = await testCloud({ database_url: url })
}

/** Lets the host dial in, and waits until it has shown what it holds. */
async function comeBack(): Promise<Host> {
  host.cut = false
  return await until('the host is back and has shown what it holds', async () => {
    const found = await showHost()
    return found.state === 'up' && found.disagreements.every(one => one.name !== null) && found
  })
}

describe('controller/restored', { timeout: 120_000 }, () => {
  before(async () => {
    const database = await testDatabase(prepare)
    cloud = await testCloud({ database_url: database.url })
    const { db } = cloud.cloud.database
    const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
    host_id = crypto.randomUUID()
    const made = { id: host_id, name: 'h1', cluster_id: cluster.id, machine_id: 'machine-h1' }
    await db
      .insertInto('host')
      .values({ ...made, certificate_sha256: Buffer.from('h1') })
      .execute()
    ids.image = await addImage(cloud)
    ids.network = await addNetwork(cloud)
    host = new SimulatedHost({
      id: host_id,
      name: 'h1',
      facts: factsOf('h1', { cpus: 8, memory_mib: 8192, pool_gib: 100 }),
      random: seeded('restored'),
      log: pino({ level: 'silent' }),
      clockOf: alive => ({ ...realClock, after: (ms, run) => realClock.after(ms, () => alive() && run()) }),
      dialler,
      latency_ms: { low: 0, high: 1 },
    })
    host.powerOn()
    await until('the host is up', async () => (await showHost()).state === 'up')
    // Simulated guests do not always follow.
    assert.equal((await ask('PUT', '/v1/settings/instance.stop_timeout_s', { value: 1 })).status, 200)
    const names = [
      'same',
      'stopped-since',
      'deleted-since',
      'purged-since',
      'gone-since',
      'recovered-since',
      'taken-back',
    ]
    for (const name of names) {
      ids[name] = await create(name)
    }
    await act('recovered-since', 'delete')
    await restart(database.url)
    await cloud.close()
    await administer(`create database ${backup} template ${database.name}`)
    cloud = await testCloud({ database_url: database.url })
    await comeBack()
    for (const name of ['stopped-since', 'taken-back']) await act(name, 'stop')
    await act('deleted-since', 'delete')
    await act('recovered-since', 'recover')
    await act('recovered-since', 'start')
    for (const name of ['purged-since', 'gone-since']) {
      await act(name, 'purge')
      await until(`${name} is gone`, async () => (await ask('GET', `/v1/instances/${ids[name]}`)).status === 404)
    }
    ids.lost = await create('lost')
    ids.orphan = await create('orphan')
    await restart(database.url.replace(`/${database.name}?`, `/${backup}?`))
  })
  after(async () => {
    host.killAgent()
    await cloud.close()
    await administer(`drop database if exists ${backup} with (force)`)
  })

  test('it is noticed and shown; nothing is stopped, destroyed or made because of it', async () => {
    const before_ = new Map([...host.domains].map(([id, domain]) => [id, domain.power]))
    const volumes = new Set(host.volumes.keys())
    const found = await comeBack()
    const kinds = Object.fromEntries(
      found.disagreements.map(one => [one.name, [one.kind, one.host_wants, one.database_wants]]),
    )
    assert.deepEqual(kinds, {
      'stopped-since': ['ahead', 'stopped', 'running'],
      'deleted-since': ['ahead', 'deleted', 'running'],
      'recovered-since': ['ahead', 'running', 'deleted'],
      'taken-back': ['ahead', 'stopped', 'running'],
      'purged-since': ['missing', 'absent', 'running'],
      'gone-since': ['missing', 'absent', 'running'],
      lost: ['orphaned', 'running', null],
      orphan: ['orphaned', 'running', null],
    })
    for (const name of ['stopped-since', 'deleted-since', 'recovered-since', 'taken-back', 'purged-since']) {
      const one = await shown(name)
      assert.equal(one.state, 'unknown', name)
      assert.match(String(one.reason), /restored from an older backup/)
      assert.deepEqual(one.moves, [])
    }
    assert.equal((await shown('same')).state, 'running')
    for (const [id, power] of before_) assert.equal(host.domains.get(id)?.power, power)
    for (const id of volumes) assert.ok(host.volumes.has(id))
  })

  test('wishes are refused, with a reason, and none is said to have succeeded', async () => {
    const path = `/v1/instances/${ids['stopped-since']}`
    for (const [method, end, body] of [
      ['POST', '/start', {}],
      ['POST', '/reboot', {}],
      ['DELETE', '?purge=true', undefined],
      ['PATCH', '', { tags: { a: 'b' } }],
    ] as const) {
      const { status, body: said } = await ask(method, path + end, body)
      assert.equal(status, 409, JSON.stringify(said))
      assert.match(String(said.detail), /restored from an older backup/)
    }
    assert.equal(powerOf('stopped-since'), 'off')
  })

  test('what the host has no more is told to it only when an operator says so; no fresh disk takes the place of a lost one', async () => {
    const named = { instance_ids: [ids['purged-since']] }
    const { body } = await ask('POST', `/v1/hosts/${host_id}/reconcile`, { take: 'database', ...named })
    assert.deepEqual(body, { settled: named.instance_ids, left: [] })
    const one = await until('the purged one shows what is wrong', async () => {
      const now = await shown('purged-since')
      return now.state === 'error' && now
    })
    assert.match(String(one.reason), /is lost/)
    assert.equal(disksOf('purged-since'), 0)
  })

  test('a record of what is nowhere any more is given up', async () => {
    const named = { instance_ids: [ids['gone-since']] }
    const { body } = await ask('POST', `/v1/hosts/${host_id}/reconcile`, { take: 'host', ...named })
    assert.deepEqual(body, { settled: named.instance_ids, left: [] })
    assert.equal((await ask('GET', `/v1/instances/${ids['gone-since']}`)).status, 404)
  })

  test("taking the host's word: what it was told last is wanted, and counted", async () => {
    const named = [ids['stopped-since'], ids['deleted-since'], ids['recovered-since']]
    const { body, status } = await ask('POST', `/v1/hosts/${host_id}/reconcile`, { take: 'host', instance_ids: named })
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(body.left, [])
    assert.deepEqual(new Set(body.settled as string[]), new Set(named))
    await until('all three are settled', async () => {
      const states = await Promise.all(['stopped-since', 'deleted-since', 'recovered-since'].map(shown))
      return states.map(one => one.state).join() === 'stopped,deleted,running'
    })
    await act('stopped-since', 'start')
    assert.equal(powerOf('stopped-since'), 'running')
    await act('stopped-since', 'reboot')
  })

  test("taking the database's word: its wish is carried out", async () => {
    const { body } = await ask('POST', `/v1/hosts/${host_id}/reconcile`, { take: 'database' })
    assert.deepEqual(body, { settled: [ids['taken-back']], left: [] })
    await until('it runs again', async () => (await shown('taken-back')).state === 'running')
    assert.equal(powerOf('taken-back'), 'running')
  })

  test('a lost record is made anew, with its addresses, while the guest goes on', async () => {
    const { status, body } = await ask('POST', `/v1/hosts/${host_id}/adopt`, { instance_id: ids.lost })
    assert.equal(status, 200, JSON.stringify(body))
    const one = await until('it is known', async () => {
      const now = await shown('lost')
      return now.state === 'running' && now
    })
    assert.equal(one.name, 'lost')
    assert.equal(one.addresses.length, 1)
    assert.equal(disksOf('lost'), 1)
    await act('lost', 'stop')
    assert.equal(powerOf('lost'), 'off')
  })

  test('an orphan is removed only by its name', async () => {
    const path = `/v1/hosts/${host_id}/purge-orphan`
    assert.equal((await ask('POST', path, { instance_id: ids.orphan, name: 'other' })).status, 409)
    assert.equal(powerOf('orphan'), 'running')
    const { status, body } = await ask('POST', path, { instance_id: ids.orphan, name: 'orphan' })
    assert.equal(status, 202, JSON.stringify(body))
    await cloud.cloud.agents.reconcile()
    await until('nothing is left to settle', async () => {
      const found = await showHost()
      return found.state === 'up' && found.disagreements.length === 0
    })
    assert.equal(host.domains.has(ids.orphan ?? ''), false)
    assert.equal(disksOf('orphan'), 0)
  })

  test('claims and quota equal what there is', async () => {
    const { db } = cloud.cloud.database
    const rows = await db.selectFrom('instance').selectAll().execute()
    const claims = await db.selectFrom('host_claim').selectAll().executeTakeFirstOrThrow()
    const claimed = rows.filter(row => row.compute_claimed)
    assert.equal(
      claims.vcpus,
      claimed.reduce((sum, row) => sum + row.vcpus, 0),
    )
    assert.equal(
      claims.disk_gib,
      rows.reduce((sum, row) => sum + row.disk_gib, 0),
    )
    const quota = await db.selectFrom('quota').selectAll().where('scope', '=', 'project').execute()
    const used = Object.fromEntries(quota.map(row => [row.resource, row.used]))
    assert.equal(used.instances, rows.filter(row => row.deleted_at === null).length)
    assert.equal(
      used.storage_gib,
      rows.reduce((sum, row) => sum + row.disk_gib, 0),
    )
  })
})
