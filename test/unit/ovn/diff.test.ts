/** Plan, difference and commit against the northbound database in memory: they must always meet, from wherever they begin. */
import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { apply, compile } from '../../../src/controller/ovn/apply.ts'
import { diff } from '../../../src/controller/ovn/diff.ts'
import { MemoryNorthbound } from '../../../src/controller/ovn/memory.ts'
import { plan } from '../../../src/controller/ovn/plan.ts'
import { nb, nbTables, type Northbound } from '../../../src/controller/ovn/schema.ts'
import { emptyTopology, type Topology } from '../../../src/controller/ovn/topology.ts'
import type { AnyRow, Database, Value } from '../../../src/lib/ovsdb/index.ts'
import { anyTopology } from '../../support/ovn-topology.ts'

async function make(database: Database<Northbound>, topology: Topology, batch_steps?: number): Promise<void> {
  const { rows, problems } = plan(topology)
  assert.deepEqual(problems, [])
  const { failures } = await apply(
    database,
    diff(rows, database.replica),
    batch_steps === undefined ? {} : { batch_steps },
  )
  assert.deepEqual(failures, [])
  const again = compile(diff(rows, database.replica))
  assert.deepEqual(again, [], 'a second plan finds nothing to do')
}

/** Everything in the database, with references as Croft's ids, so that two databases compare. */
function contents(database: Database<Northbound>): Map<string, unknown> {
  const ids = new Map<string, string>()
  for (const table of nbTables)
    for (const row of database.replica.table(table).values())
      ids.set(row._uuid, row.external_ids.get('croft:id') ?? 'foreign')
  const readable = (value: Value): unknown => {
    if (value instanceof Set)
      return [...(value as ReadonlySet<string>)].map(each => ids.get(each) ?? each).sort((a, b) => (a < b ? -1 : 1))
    return typeof value === 'string' ? (ids.get(value) ?? value) : value
  }
  const all = new Map<string, unknown>()
  for (const table of nbTables)
    for (const row of database.replica.table(table).values() as Iterable<AnyRow>)
      all.set(
        `${table} ${ids.get(row._uuid)}`,
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, readable(value)])),
      )
  return all
}

void test('from nothing: any topology is made, and a second plan finds nothing to do', async () => {
  await fc.assert(
    fc.asyncProperty(anyTopology, fc.constantFrom(1, 3, 500), async (topology, batch_steps) => {
      const database = new MemoryNorthbound().connect()
      await make(database, topology, batch_steps)
      await make(database, emptyTopology)
      for (const table of nbTables) assert.equal(database.replica.table(table).size, 0)
    }),
    { numRuns: 40 },
  )
})

void test('from any topology to any other gives what making the other from nothing gives', async () => {
  await fc.assert(
    fc.asyncProperty(anyTopology, anyTopology, fc.constantFrom(1, 4, 500), async (first, second, batch_steps) => {
      const changed = new MemoryNorthbound().connect()
      await make(changed, first)
      await make(changed, second, batch_steps)
      const fresh = new MemoryNorthbound().connect()
      await make(fresh, second)
      assert.deepEqual(contents(changed), contents(fresh))
    }),
    { numRuns: 40 },
  )
})

void test('rows that others damage, copy, strip of their mark or remove are repaired', async () => {
  const damage = fc.array(
    fc.record({
      table: fc.constantFrom(...nbTables),
      which: fc.nat(50),
      how: fc.constantFrom('remove', 'strip', 'blank', 'empty'),
    }),
    { minLength: 1, maxLength: 6 },
  )
  await fc.assert(
    fc.asyncProperty(anyTopology, damage, async (topology, damages) => {
      const database = new MemoryNorthbound().connect()
      await make(database, topology)
      const before = contents(database)
      for (const { table, which, how } of damages) {
        const rows = [...database.replica.table(table).values()]
        const row = rows[which % rows.length]
        if (!row) continue
        const where = [['_uuid', '==', row._uuid]] as const
        if (how === 'remove') await database.transact([nb.delete(table, where)]).catch(refusedByReferences)
        else if (how === 'strip') await database.transact([{ op: 'update', table, where, row: { external_ids: {} } }])
        else if (how === 'empty') {
          const sets = Object.entries(row).filter(([name, value]) => value instanceof Set && name !== 'networks')
          await database.transact([
            { op: 'update', table, where, row: Object.fromEntries(sets.map(([name]) => [name, []])) },
          ])
        } else if ('options' in row)
          await database.transact([{ op: 'update', table, where, row: { options: { hand: 'made' } } }])
      }
      await make(database, topology)
      // What was stripped in a table without names cannot be told from others' rows: it stays, beside its replacement.
      const after = contents(database)
      for (const [key, value] of before) {
        const stripped = damages.some(
          ({ how, table }) =>
            how === 'strip' && !['Port_Group', 'Logical_Switch_Port', 'Logical_Router_Port'].includes(table),
        )
        if (!stripped) assert.deepEqual(after.get(key), value)
        else assert(after.has(key))
      }
    }),
    { numRuns: 40 },
  )
})

function refusedByReferences(error: unknown): void {
  assert.match(String(error), /referential integrity violation/)
}

void test('rows that Croft did not make stay, also within its own', async () => {
  const database = new MemoryNorthbound().connect()
  const topology = fc.sample(anyTopology, { seed: 7, numRuns: 30 }).find(each => each.ports.length > 3) ?? emptyTopology
  await make(database, topology)
  const own = database.replica.table('Logical_Switch').values().next().value
  assert(own)
  await database.transact([
    nb.insert('Logical_Switch', { name: 'by-hand' }),
    nb.insert('Logical_Switch_Port', { name: 'guest-by-hand' }, 'p'),
    nb.mutate(
      'Logical_Switch',
      [['_uuid', '==', own._uuid]],
      ['ports', 'insert', ['p']],
      ['external_ids', 'insert', { note: 'hands off' }],
    ),
  ])
  await make(database, topology)
  assert(database.replica.find('Logical_Switch', { name: 'by-hand' }))
  assert(database.replica.find('Logical_Switch_Port', { name: 'guest-by-hand' }))
  assert.equal(database.replica.row('Logical_Switch', own._uuid)?.external_ids.get('note'), 'hands off')
  await make(database, emptyTopology)
  assert.equal(database.replica.table('Logical_Switch').size, 1)
})

void test('a new port and its security groups are one step', () => {
  const topology = fc
    .sample(anyTopology, { seed: 3, numRuns: 60 })
    .find(each => each.ports.some(p => p.port_security && p.security_group_ids.length > 0))
  assert(topology)
  const secured = topology.ports.find(p => p.kind === 'instance' && p.port_security && p.security_group_ids.length > 0)
  const steps = diff(plan(topology).rows, new MemoryNorthbound().connect().replica)
  const step = steps.find(each => each.insert?.columns.name === secured?.id)
  const groups = step?.links?.filter(link => link.table === 'Port_Group' && link.add) ?? []
  assert.equal(groups.length, 1 + (secured?.security_group_ids.length ?? 0))
  const acls = steps.findLastIndex(each => each.insert?.table === 'ACL')
  assert(step && steps.indexOf(step) > acls, 'what protects a port is there before it')
})

void test('what goes goes in the opposite order: a port before what protects it', async () => {
  const topology = fc.sample(anyTopology, { seed: 3, numRuns: 60 }).find(each => each.ports.some(p => p.port_security))
  assert(topology)
  const database = new MemoryNorthbound().connect()
  await make(database, topology)
  const steps = diff(plan({ ...topology, ports: [], floating_ips: [], routers: [] }).rows, database.replica)
  const unlinks = (column: string) =>
    steps.map((step, i) => (step.links?.some(link => link.column === column) ? i : -1)).filter(i => i >= 0)
  const guard = steps.findIndex(step => step.remove?.table === 'Port_Group')
  assert(unlinks('ports').length > 0 && guard >= 0)
  assert(Math.max(...unlinks('ports')) < Math.min(guard, ...unlinks('acls')))
})

void test('a copy of a row with its mark is taken away, wherever it hangs', async () => {
  const topology = fc.sample(anyTopology, { seed: 3, numRuns: 60 }).find(each => each.ports.some(p => p.port_security))
  assert(topology)
  const database = new MemoryNorthbound().connect()
  await make(database, topology)
  const before = contents(database)
  const sizes = nbTables.map(table => database.replica.table(table).size)
  const acl = database.replica.table('ACL').values().next().value
  const dhcp = database.replica.table('DHCP_Options').values().next().value
  assert(acl)
  const { _uuid, ...copy } = acl
  const operations = [
    nb.insert('ACL', { ...copy, match: 'ip' }, 'own'),
    nb.mutate('Port_Group', [['name', '==', 'croft_guarded']], ['acls', 'insert', ['own']]),
    nb.insert('ACL', { ...copy, match: 'ip' }, 'foreign'),
    nb.insert('Port_Group', { name: 'theirs', acls: ['foreign'] }),
    ...(dhcp ? [nb.insert('DHCP_Options', { cidr: dhcp.cidr, external_ids: dhcp.external_ids })] : []),
  ]
  await database.transact(operations)
  await make(database, topology)
  await database.transact([nb.delete('Port_Group', [['name', '==', 'theirs']])])
  assert.deepEqual(
    nbTables.map(table => database.replica.table(table).size),
    sizes,
  )
  assert.deepEqual(contents(database), before)
})
