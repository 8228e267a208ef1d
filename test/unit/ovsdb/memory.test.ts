/** The database in memory keeps the promises of a real one. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { byUuid, type Change, MemoryServer, operationsFor, type SchemaSource } from '../../../src/lib/ovsdb/index.ts'

const children = {
  type: { key: { type: 'uuid', refTable: 'Child', refType: 'strong' }, min: 0, max: 'unlimited' },
} as const
const schema = {
  name: 'Family',
  tables: {
    Parent: { isRoot: true, indexes: [['name']], columns: { name: { type: 'string' }, children } },
    Child: { columns: { name: { type: 'string' }, children, age: { type: { key: 'integer', min: 0, max: 1 } } } },
    Club: {
      isRoot: true,
      maxRows: 1,
      columns: {
        members: { type: { key: { type: 'uuid', refTable: 'Child', refType: 'weak' }, min: 0, max: 'unlimited' } },
        notes: { type: { key: 'string', value: 'string', min: 0, max: 'unlimited' } },
      },
    },
  },
} as const satisfies SchemaSource
const op = operationsFor(schema)
const open = () => new MemoryServer(schema).connect()

void test('rows without a strong reference go, with all below them, and weak references to them are cleared', async () => {
  const db = open()
  const [parent] = await db.transact([
    op.insert('Parent', { name: 'p', children: ['c'] }, 'p'),
    op.insert('Child', { name: 'c', children: ['g'] }, 'c'),
    op.insert('Child', { name: 'g' }, 'g'),
    op.insert('Child', { name: 'orphan' }),
    op.insert('Club', { members: ['c', 'g'] }),
  ])
  assert.deepEqual(new Set([...db.replica.table('Child').values()].map(row => row.name)), new Set(['c', 'g']))
  await db.transact([op.update('Parent', byUuid(parent?.uuid ?? ''), { children: [] })])
  assert.equal(db.replica.table('Child').size, 0)
  assert.deepEqual(db.replica.table('Club').values().next().value?.members, new Set())
})

void test('what breaks a constraint changes nothing and tells why', async () => {
  const db = open()
  await db.transact([op.insert('Parent', { name: 'p' }), op.insert('Club', {})])
  const changes: Change[] = []
  db.on('change', each => changes.push(...each))
  await assert.rejects(db.transact([op.insert('Parent', { name: 'p' })]), /constraint violation.*two rows of Parent/)
  await assert.rejects(db.transact([op.insert('Club', {})]), /no more than 1 rows/)
  const nobody = '01234567-89ab-cdef-0123-456789abcdef'
  await assert.rejects(
    db.transact([op.insert('Parent', { name: 'q', children: [nobody] })]),
    /referential integrity violation/,
  )
  await assert.rejects(
    db.transact([op.insert('Parent', { name: 'q' }), { op: 'abort' }]),
    /operation 1 \(abort\) failed: aborted/,
  )
  assert.deepEqual(changes, [])
  await db.transact([op.delete('Parent', [['name', '==', 'p']]), op.insert('Parent', { name: 'p' })])
  assert.equal(db.replica.table('Parent').size, 1, 'a name freed in the same transaction may be taken')
})

void test('mutations work on sets, maps and numbers', async () => {
  const db = open()
  await db.transact([
    op.insert('Club', { notes: { a: '1', b: '2' } }),
    op.insert('Parent', { name: 'p', children: ['c'] }),
    op.insert('Child', { name: 'c', age: 7 }, 'c'),
  ])
  await db.transact([
    op.mutate('Club', [], ['notes', 'insert', { a: 'ignored', c: '3' }], ['notes', 'delete', ['b']]),
    op.mutate('Child', [['name', '==', 'c']], ['age', '+=', 3]),
  ])
  assert.deepEqual(
    db.replica.table('Club').values().next().value?.notes,
    new Map([
      ['a', '1'],
      ['c', '3'],
    ]),
  )
  assert.equal(db.replica.find('Child', { name: 'c' })?.age, 10)
})

void test('a lock passes on when its session closes, and fences', async () => {
  const server = new MemoryServer(schema)
  const [one, two] = [server.connect(), server.connect()]
  one.lock('writer')
  two.lock('writer')
  assert(one.holds('writer') && !two.holds('writer'))
  await assert.rejects(two.transact([op.assert('writer')]), /not owner/)
  const passed = once(two, 'lock')
  one.close()
  assert.deepEqual(await passed, ['writer', true])
  await assert.rejects(one.transact([op.comment('too late')]), /closed/)
})
