/** What is wrong with a value is said in words, by what its shape says of itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Compile } from 'typebox/compile'
import Type, { type TSchema } from 'typebox'
import { allRoutes } from '../../../src/api/index.ts'
import { closed, Name, NewName, nullable, oneOf, Time, Uuid } from '../../../src/api/common.ts'
import { settingTable } from '../../../src/controller/app/setting-values.ts'
import { placeOf, shapeAt, wordsOf } from '../../../src/model/shape-words.ts'

const shape = closed({
  name: Type.Optional(Name),
  new_name: Type.Optional(NewName),
  id: Type.Optional(Uuid),
  at: Type.Optional(Time),
  kind: Type.Optional(oneOf(['overlay', 'external'])),
  count: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 9 }))),
  many: Type.Optional(Type.Integer({ minimum: 0 })),
  list: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 2, uniqueItems: true })),
  text: Type.Optional(Type.String({ minLength: 2, maxLength: 3 })),
  form: Type.Optional(Type.String({ pattern: '^x$', title: 'An x', description: 'What for' })),
})

function saidOf(value: Record<string, unknown>): string {
  const [first] = Compile(shape).Errors(value)
  assert.ok(first)
  return `${placeOf(first.instancePath)} ${wordsOf(first, shapeAt(shape, first.schemaPath))}`.trim()
}

test('in words, and with what is allowed', () => {
  const form = 'must be as follows: letters, digits, space and ._@+-, beginning with a letter or digit'
  assert.equal(saidOf({ name: '!' }), `name ${form}`)
  assert.equal(saidOf({ list: ['a', '!'] }), `list.1 ${form}`)
  assert.equal(saidOf({ name: '' }), 'name must not be empty')
  assert.equal(saidOf({ id: 'web' }), 'id must be an id: a UUID, lower case')
  assert.equal(saidOf({ at: 'soon' }), 'at must be a time such as 2026-01-31T12:00:00Z')
  assert.equal(saidOf({ kind: 'x' }), 'kind must be one of: overlay, external')
  assert.equal(saidOf({ count: 10 }), 'count must be from 1 to 9')
  assert.equal(saidOf({ many: -1 }), 'many must be 0 or more')
  assert.equal(saidOf({ many: 'two' }), 'many must be a whole number')
  assert.equal(saidOf({ list: [] }), 'list must name one at least')
  assert.equal(saidOf({ list: ['a', 'b', 'c'] }), 'list must name at most 2')
  assert.equal(saidOf({ list: ['a', 'a'] }), 'list names the same thing twice')
  assert.equal(saidOf({ text: 'a' }), 'text must have at least 2 characters')
  assert.equal(saidOf({ text: 'abcd' }), 'text must have at most 3 characters')
  assert.equal(saidOf({ form: 'y' }), 'form must be as follows: an x')
})

test('a new name is none that would be taken for an id, whatever is named', () => {
  const id = '123e4567-e89b-12d3-a456-426614174000'
  const named = allRoutes.flatMap(({ name, body }) => {
    const asked: { properties?: Record<string, TSchema> } | undefined = body
    const shape = asked?.properties?.name
    // Those say again what there is.
    return shape && !['host.fence', 'host.purge-orphan'].includes(name) ? [{ name, shape }] : []
  })
  assert.ok(named.length > 40, String(named.length))
  const taken = named.filter(({ shape }) => [id, id.toUpperCase()].some(one => Compile(shape).Check(one)))
  assert.deepEqual(
    taken.map(one => one.name),
    [],
  )
  for (const { name, shape } of named) assert.ok(Compile(shape).Check(`x${id}`), name)
  assert.ok(Compile(Name).Check(id), 'what has such a name is still told')
  assert.match(saidOf({ new_name: id }), /^new_name must not be a UUID: it would be taken for an id\. Choose /)
})

test('no field of the contract is refused by a regular expression alone', () => {
  const bare: string[] = []
  const walk = (where: string, part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    const { pattern, title, description, format } = part as Record<string, unknown>
    if (typeof pattern === 'string' && !title && !description && !format) bare.push(where)
    for (const [key, value] of Object.entries(part)) walk(`${where}.${key}`, value)
  }
  for (const { name, params, query, body } of allRoutes) walk(name, JSON.parse(JSON.stringify({ params, query, body })))
  // Neither is typed by anybody.
  assert.deepEqual(bare, ['console-link.open.body.properties.secret', 'audit.list.query.properties.cursor'])
})

test('nor is a setting, and where there is nothing but one, it is said as a sentence', () => {
  const saidOfSetting = (name: keyof typeof settingTable, value: unknown) => {
    const [first] = Compile(settingTable[name].schema).Errors(value)
    return first && wordsOf(first, shapeAt(settingTable[name].schema, first.schemaPath))
  }
  assert.match(saidOfSetting('scheduler.modules', ['../own.js']) ?? '', /^must be as follows: a file name/)
  assert.match(saidOfSetting('instance.cpu_model', 'a b') ?? '', /^must be as follows: letters, digits/)
  const bare = Type.String({ pattern: '^x$' })
  const [first] = Compile(bare).Errors('y')
  assert.match(first ? wordsOf(first, shapeAt(bare, first.schemaPath)) : '', /^must match pattern/)
})
