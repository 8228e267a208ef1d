/** When the logical network is written: on wake-ups, on drift, by one controller, and again after failure. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { nb } from '../../../src/controller/ovn/schema.ts'
import {
  emptyTopology,
  MemoryNorthbound,
  OvnReconciler,
  type ReconcilerOptions,
  type Topology,
  waitUntilInForce,
} from '../../../src/controller/ovn/index.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { port, uuid } from '../../support/ovn-topology.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

const withPorts = (count: number): Topology => ({
  ...emptyTopology,
  networks: [{ id: uuid(1, 1), kind: 'overlay', mtu: 1442, physical_network: null, vlan: null }],
  ports: Array.from({ length: count }, (_, i) =>
    port({ id: uuid(3, i), network_id: uuid(1, 1), mac: `52:54:00:00:00:0${i}` }),
  ),
})

function start(server: MemoryNorthbound, loadTopology: () => Promise<Topology>, more: Partial<ReconcilerOptions> = {}) {
  const session = server.connect()
  return {
    session,
    reconciler: new OvnReconciler({ nb: session, loadTopology, logger: silent, clock: realClock, ...more }),
  }
}

void test('many wake-ups are few passes, and whoever asked gets what was wanted when it asked', async () => {
  let wanted = 0
  let loads = 0
  const { session, reconciler } = start(new MemoryNorthbound(), async () => {
    loads++
    return withPorts(wanted)
  })
  const promises = Array.from({ length: 8 }, async (_, i) => {
    wanted = i + 1
    await reconciler.applied()
    assert(session.replica.table('Logical_Switch_Port').size > i)
  })
  await Promise.all(promises)
  assert(loads <= 3, `${loads} passes for 8 wake-ups in a row`)
  await waitUntilInForce(session, { level: 'hv', timeout_ms: 1000, clock: realClock })
  await reconciler.close()
})

void test('drift is repaired without being asked, and without asking what is wanted', async () => {
  const server = new MemoryNorthbound()
  let loads = 0
  const { session, reconciler } = start(server, async () => {
    loads++
    return withPorts(3)
  })
  await reconciler.applied()
  const loadsBefore = loads
  const repaired = once(session, 'change').then(() => once(session, 'change'))
  await server.connect().transact([nb.update('Logical_Switch', [], { ports: [] })])
  await repaired
  assert.equal(session.replica.table('Logical_Switch').values().next().value?.ports.size, 3)
  assert.equal(loads, loadsBefore)
  await reconciler.close()
})

void test('of two controllers one writes; when it dies the other takes over with what is wanted now', async () => {
  const server = new MemoryNorthbound()
  const one = start(server, async () => withPorts(1))
  const two = start(server, async () => withPorts(2))
  await one.reconciler.applied()
  assert(one.reconciler.active && !two.reconciler.active)
  assert.equal(one.session.replica.table('Logical_Switch_Port').size, 1)
  const taken = once(two.reconciler, 'applied')
  one.session.close()
  await taken
  assert.equal(two.session.replica.table('Logical_Switch_Port').size, 2)
  await one.reconciler.close()
  await two.reconciler.close()
})

void test('a pass that fails is tried again until it succeeds', async () => {
  let fails = 3
  const { reconciler } = start(
    new MemoryNorthbound(),
    async () => {
      if (fails-- > 0) throw new Error('the database is away')
      return withPorts(1)
    },
    { retry_min_ms: 1, retry_max_ms: 4 },
  )
  const failures: string[] = []
  reconciler.on('failed', reason => failures.push(reason.message))
  const pass = await reconciler.applied()
  assert.deepEqual(pass.failures, [])
  assert(failures.length > 0)
  await reconciler.close()
})

void test('one refused row holds up nothing else, and is reported', async () => {
  const server = new MemoryNorthbound()
  // Somebody holds the name of the second port under Croft's mark of another row: no adoption, no second row.
  await server
    .connect()
    .transact([
      nb.insert('Logical_Switch', { name: 'theirs', ports: ['p'] }),
      nb.insert(
        'Logical_Switch_Port',
        { name: 'lrp', external_ids: { 'croft:id': uuid(3, 1), note: 'the marked one' } },
        'p',
      ),
      nb.insert('Logical_Switch', { name: 'theirs too', ports: ['q'] }),
      nb.insert('Logical_Switch_Port', { name: uuid(3, 1) }, 'q'),
    ])
  const { session, reconciler } = start(server, async () => withPorts(3), { retry_min_ms: 1e6 })
  const pass = await reconciler.applied()
  assert.equal(pass.failures.length, 1)
  assert.match(pass.failures[0] ?? '', /change of Logical_Switch_Port .*constraint violation/)
  assert(session.replica.find('Logical_Switch_Port', { name: uuid(3, 2) }))
  await reconciler.close()
})

void test('what does not hold together is left out and named, the rest is made', async () => {
  const whole = withPorts(2)
  const broken: Topology = {
    ...whole,
    ports: [...whole.ports, port({ id: uuid(3, 9), network_id: uuid(1, 7), mac: '52:54:00:00:00:09' })],
    floating_ips: [
      {
        id: uuid(6, 1),
        address: '192.0.2.1',
        router_id: uuid(5, 1),
        port_id: uuid(3, 0),
        fixed_address: '10.0.0.1',
        distributed: false,
      },
    ],
  }
  const { session, reconciler } = start(new MemoryNorthbound(), async () => broken)
  const pass = await reconciler.applied()
  assert.deepEqual(pass.problems, [
    `port ${uuid(3, 9)}: no network ${uuid(1, 7)}`,
    `floating IP ${uuid(6, 1)}: no router ${uuid(5, 1)}`,
  ])
  assert.equal(session.replica.table('Logical_Switch_Port').size, 2)
  await reconciler.close()
})

void test('a controller that loses the lock in the middle of a pass writes nothing', async () => {
  const server = new MemoryNorthbound()
  const loading = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const { session, reconciler } = start(server, async () => {
    asked.resolve()
    await loading.promise
    return withPorts(2)
  })
  await asked.promise
  server.connect().steal('croft')
  const failed = once(reconciler, 'failed')
  loading.resolve()
  assert.match(String(await failed), /not owner/)
  assert.equal(session.replica.table('Logical_Switch_Port').size, 0)
  assert.equal(reconciler.active, false)
  await reconciler.close()
})
