/** The OVSDB client against a real ovsdb-server with Open vSwitch's schema. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import test from 'node:test'
import {
  byUuid,
  type Change,
  connectOvsdb,
  type Database,
  OvsdbClient,
  OvsdbConnectionError,
  OvsdbSchemaError,
  OvsdbTransactionError,
  operations as op,
} from '../../../src/lib/ovsdb/index.ts'
import { run, startOvsdbServer } from '../../support/ovsdb-server.ts'

const monitor = { Open_vSwitch: 'all', Bridge: 'all', Port: 'all', Interface: 'all' } as const
const database = 'Open_vSwitch'

const bridge = (name: string, extra: Record<string, string> = {}) => [
  op.insert('Bridge', { name, external_ids: extra }, `b_${name}`),
  op.mutate('Open_vSwitch', [], ['bridges', 'insert', [`b_${name}`]]),
]

/** Resolves when the replica satisfies the test. */
async function until(client: Database, test: () => boolean): Promise<void> {
  while (!test()) await once(client, 'change')
}

void test('rows are inserted with named references, decoded to plain values, changed and deleted', async () => {
  await using server = await startOvsdbServer()
  const client = await connectOvsdb({ remotes: [server.remote], database, monitor })
  try {
    await client.transact([op.insert('Open_vSwitch', {})])
    const results = await client.transact([
      op.insert('Interface', { name: 'p1', type: 'internal', external_ids: { 'iface-id': 'abc' } }, 'i1'),
      op.insert('Port', { name: 'p1', interfaces: ['i1'], tag: 7, trunks: [3, 1, 2] }, 'p1'),
      op.insert('Bridge', { name: 'br0', ports: ['p1'] }, 'br0'),
      op.mutate('Open_vSwitch', [], ['bridges', 'insert', ['br0']]),
    ])
    const uuid = results[1]?.uuid ?? ''
    assert.deepEqual(results[3], { count: 1 })
    const port = client.replica.row('Port', uuid)
    assert.equal(port?.tag, 7)
    assert.deepEqual(port?.trunks, new Set([1, 2, 3]))
    assert.deepEqual(port?.interfaces, new Set([results[0]?.uuid]))
    assert.equal(port?.vlan_mode, undefined)
    assert.deepEqual(client.replica.find('Interface', { name: 'p1' })?.external_ids, new Map([['iface-id', 'abc']]))

    await client.transact([op.update('Port', byUuid(uuid), { tag: undefined, vlan_mode: 'trunk', trunks: [2, 9] })])
    const after = client.replica.row('Port', uuid)
    assert.equal(after?.tag, undefined)
    assert.equal(after?.vlan_mode, 'trunk')
    assert.deepEqual(after?.trunks, new Set([2, 9]))
    assert.equal(port?.tag, 7, 'a row once taken stays as it was')

    await client.transact([
      op.mutate(
        'Port',
        byUuid(uuid),
        ['trunks', 'delete', [9]],
        ['trunks', 'insert', [5]],
        ['external_ids', 'insert', { a: '1', b: '2' }],
      ),
      op.update('Port', byUuid(uuid), { vlan_mode: 'access' }),
    ])
    await client.transact([op.mutate('Port', byUuid(uuid), ['external_ids', 'delete', ['a']])])
    assert.deepEqual(client.replica.row('Port', uuid)?.external_ids, new Map([['b', '2']]))
    assert.deepEqual(client.replica.row('Port', uuid)?.trunks, new Set([2, 5]))
    assert.equal(client.replica.row('Port', uuid)?.vlan_mode, 'access')

    const [selected] = await client.transact([op.select('Port', [['name', '==', 'p1']], ['name', 'trunks'])])
    assert.deepEqual(selected?.rows, [{ name: 'p1', trunks: new Set([2, 5]) }])

    await client.transact([op.mutate('Open_vSwitch', [], ['bridges', 'delete', [results[2]?.uuid ?? '']])])
    assert.equal(client.replica.table('Port').size, 0, 'rows nobody references are collected')
  } finally {
    client.close()
  }
})

void test('a failing operation is named, with the reason, and nothing changes', async () => {
  await using server = await startOvsdbServer()
  const client = await connectOvsdb({ remotes: [server.remote], database, monitor })
  try {
    await client.transact([op.insert('Open_vSwitch', {}), ...bridge('br0')])
    await assert.rejects(
      client.transact([op.comment('x'), op.update('Bridge', [], { fail_mode: 'nonsense' })]),
      (error: unknown) => {
        assert(error instanceof OvsdbTransactionError)
        assert.equal(error.operation, 1)
        assert.equal(error.code, 'constraint violation')
        assert.match(
          error.message,
          /^operation 1 \(update in Bridge\) failed: constraint violation: .*nonsense.*; nothing was changed$/,
        )
        return true
      },
    )
    await assert.rejects(client.transact(bridge('br0')), (error: unknown) => {
      assert(error instanceof OvsdbTransactionError)
      assert.equal(error.operation, 'commit')
      return true
    })
    await assert.rejects(client.transact([op.insert('Bridge', { colour: 'red' })]), /table Bridge has no column colour/)
    await assert.rejects(
      client.transact([op.insert('Bridge', { name: 7 })]),
      /column name takes one of string, not number 7/,
    )
    await assert.rejects(client.transact([op.wait('Bridge', [], '==', [{ name: 'other' }], 0)]), /timed out/)
    assert.equal(client.replica.table('Bridge').size, 1)
  } finally {
    client.close()
  }
})

void test('a change made by someone else arrives as an event with before and after', async () => {
  await using server = await startOvsdbServer()
  const client = await connectOvsdb({
    remotes: [server.remote],
    database,
    monitor: { Open_vSwitch: ['external_ids'], Bridge: ['name'] },
  })
  try {
    const seen: Change[] = []
    client.on('change', changes => seen.push(...changes))
    await run('ovs-vsctl', [
      '--no-wait',
      `--db=${server.remote}`,
      'init',
      '--',
      'add-br',
      'br9',
      '--',
      'set',
      'open',
      '.',
      'external_ids:a=b',
    ])
    await until(client, () => client.replica.find('Bridge', { name: 'br9' }) !== undefined)
    await run('ovs-vsctl', ['--no-wait', `--db=${server.remote}`, 'del-br', 'br9'])
    await until(client, () => client.replica.table('Bridge').size === 0)
    const bridges = seen.filter(change => change.table === 'Bridge')
    assert.deepEqual(
      bridges.map(({ before, after }) => [before?.name, after?.name]),
      [
        [undefined, 'br9'],
        ['br9', undefined],
      ],
    )
  } finally {
    client.close()
  }
})

void test('after a power cut of the server the client is back with the right contents', async () => {
  await using server = await startOvsdbServer()
  const client = await connectOvsdb({
    remotes: [server.remote],
    database,
    monitor,
    backoff_min_ms: 10,
    backoff_max_ms: 50,
  })
  try {
    await client.transact([op.insert('Open_vSwitch', {}), ...bridge('keep'), ...bridge('drop')])
    const changes: Change[] = []
    client.on('change', each => changes.push(...each))
    const gone = once(client, 'disconnected')
    await server.kill()
    await gone
    assert.equal(client.connected, false)
    assert.equal(client.replica.table('Bridge').size, 2, 'the replica keeps its last contents')
    await run('ovsdb-tool', [
      'transact',
      `${server.directory}/db`,
      JSON.stringify([
        'Open_vSwitch',
        {
          op: 'update',
          table: 'Open_vSwitch',
          where: [],
          row: { bridges: ['uuid', client.replica.find('Bridge', { name: 'keep' })?._uuid] },
        },
      ]),
    ])
    server.start()
    // Asked for while there is no connection: it waits for one.
    await client.transact([op.update('Open_vSwitch', [], { external_ids: { again: 'yes' } })])
    assert.equal(client.replica.table('Bridge').size, 1)
    const bridges = changes.filter(change => change.table === 'Bridge')
    assert.deepEqual(
      bridges.map(({ before, after }) => [before?.name, after?.name]),
      [['drop', undefined]],
      'rows that came back the same are no change',
    )
  } finally {
    client.close()
  }
})

void test('a request in flight when the connection ends says that its outcome is unknown', async () => {
  await using server = await startOvsdbServer()
  const client = await connectOvsdb({ remotes: [server.remote], database, monitor: 'none' })
  try {
    await client.transact([op.insert('Open_vSwitch', {})])
    const waiting = client.transact([op.wait('Open_vSwitch', [], '==', [{ external_ids: { never: 'so' } }])])
    const outcome = assert.rejects(
      waiting,
      (error: unknown) => error instanceof OvsdbConnectionError && error.outcome === 'unknown',
    )
    await server.kill()
    await outcome
  } finally {
    client.close()
  }
})

void test('a waiting transaction is cancelled by its signal', async () => {
  await using server = await startOvsdbServer()
  const client = await connectOvsdb({ remotes: [server.remote], database, monitor: 'none' })
  try {
    await client.transact([op.insert('Open_vSwitch', {})])
    const stop = new AbortController()
    const waiting = client.transact([op.wait('Open_vSwitch', [], '==', [{ external_ids: { never: 'so' } }])], {
      signal: stop.signal,
    })
    stop.abort()
    await assert.rejects(waiting, /cancel/)
    await client.transact([op.comment('still usable')])
  } finally {
    client.close()
  }
})

void test('a lock passes from its holder to the next, can be stolen, and fences writes', async () => {
  await using server = await startOvsdbServer()
  const [one, two] = await Promise.all(
    [1, 2].map(() => connectOvsdb({ remotes: [server.remote], database, monitor: 'none' })),
  )
  assert(one && two)
  const events = new EventEmitter()
  for (const [who, client] of [
    ['one', one],
    ['two', two],
  ] as const)
    client.on('lock', (_, held) => events.emit(`${who} ${held}`))
  try {
    const gained = once(events, 'one true')
    one.lock('writer')
    await gained
    two.lock('writer')
    await assert.rejects(
      two.transact([op.insert('Open_vSwitch', {}), op.assert('writer')]),
      /operation 1 \(assert\) failed: not owner/,
    )
    await one.transact([op.assert('writer'), op.insert('Open_vSwitch', {})])

    const passed = Promise.all([once(events, 'one false'), once(events, 'two true')])
    one.unlock('writer')
    await passed
    assert(two.holds('writer') && !one.holds('writer'))

    const stolen = Promise.all([once(events, 'one true'), once(events, 'two false')])
    one.steal('writer')
    await stolen
    // The owner that dies loses it to whoever waits.
    const inherited = once(events, 'two true')
    two.unlock('writer')
    two.lock('writer')
    one.close()
    await inherited
  } finally {
    one.close()
    two.close()
  }
})

void test('the older monitor method gives the same replica', async () => {
  await using server = await startOvsdbServer()
  const [newer, older] = await Promise.all(
    (['monitor_cond_since', 'monitor'] as const).map(monitor_method =>
      connectOvsdb({ remotes: [server.remote], database, monitor, monitor_method }),
    ),
  )
  assert(newer && older)
  try {
    await older.transact([op.insert('Open_vSwitch', {}), ...bridge('a', { x: '1' }), ...bridge('b')])
    await older.transact([
      op.update('Bridge', [['name', '==', 'a']], { external_ids: { y: '2' }, fail_mode: 'secure' }),
      ...bridge('c'),
    ])
    await until(newer, () => newer.replica.table('Bridge').size === 3)
    for (const table of ['Open_vSwitch', 'Bridge'])
      assert.deepEqual(older.replica.table(table), newer.replica.table(table))
  } finally {
    newer.close()
    older.close()
  }
})

void test('what cannot work is said at once: no such database, no such column, nobody listening', async () => {
  await using server = await startOvsdbServer()
  await assert.rejects(connectOvsdb({ remotes: [server.remote], database: 'Nothing' }), (error: unknown) => {
    assert(error instanceof OvsdbSchemaError)
    assert.match(error.message, /no database Nothing, only Open_vSwitch/)
    return true
  })
  const wanted = {
    name: database,
    tables: { Bridge: { columns: { name: { type: 'integer' }, hue: { type: 'string' } } } },
  } as const
  await assert.rejects(
    connectOvsdb({ remotes: [server.remote], database: wanted }),
    /column Bridge.name is one of string, not one of integer, no column Bridge.hue/,
  )
  await assert.rejects(
    connectOvsdb({ remotes: ['unix:/nonexistent/socket'], database, connect_timeout_ms: 100 }),
    /no connection within 100 ms: cannot connect to unix:\/nonexistent\/socket: .*ENOENT/,
  )
  assert.throws(() => new OvsdbClient({ remotes: ['http://x'], database }), /is not an OVSDB remote/)
})
