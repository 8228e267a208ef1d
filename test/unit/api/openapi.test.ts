/** openapi.json is the contract's; it is OpenAPI 3.1; and each route makes sense. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { openApiDocument } from '../../../scripts/openapi-document.ts'
import { allRoutes, contract } from '../../../src/api/index.ts'
import { permissions } from '../../../src/model/permissions.ts'

type Json = Record<string, unknown>
interface Operation {
  operationId: string
  summary: string
  tags: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: unknown }[]
  requestBody?: { content: Record<string, { schema: Json }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>
  'x-permission': string | null
}
interface Document {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> }
}

const document = (await openApiDocument()) as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test('openapi.json is up to date', async () => {
  const kept: unknown = JSON.parse(await readFile(path.join(import.meta.dirname, '../../../openapi.json'), 'utf8'))
  const differ = firstDifference(kept, document) ?? 'nowhere'
  assert.equal(differ, 'nowhere', `the contract and openapi.json differ at ${differ}. Run: npm run openapi`)
})

function firstDifference(one: unknown, other: unknown, at = ''): string | undefined {
  if (Object.is(one, other)) return undefined
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return at || '/'
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const found = firstDifference((one as Json)[key], (other as Json)[key], `${at}/${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

test('it is a whole OpenAPI 3.1 document: every route once, every path parameter said, every reference kept', () => {
  assert.match(document.openapi, /^3\.1\.\d+$/)
  assert.ok(document.info.title && document.info.version)
  assert.ok(document.components.securitySchemes.bearer)
  const ids = operations.map(({ operation }) => operation.operationId)
  // Fastify's plug-in leaves HEAD out: it answers HEAD for every GET, and would name each twice.
  const named = allRoutes.filter(route => route.method !== 'HEAD').map(route => route.name as string)
  assert.deepEqual(ids.toSorted(), named.toSorted())
  for (const { path, method, operation } of operations) {
    const where = `${method} ${path}`
    assert.ok(operation.summary && operation.tags.length === 1, where)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
    const said = (operation.parameters ?? []).filter(one => one.in === 'path')
    assert.deepEqual(said.map(one => one.name).sort(), inPath.sort(), where)
    assert.ok(
      said.every(one => one.required === true),
      where,
    )
    assert.ok(
      Object.keys(operation.responses).some(status => /^2\d\d$/.test(status)),
      where,
    )
    for (const [status, response] of Object.entries(operation.responses)) {
      assert.match(status, /^[2-5]\d\d$/, where)
      assert.equal(typeof response.description, 'string', where)
    }
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(match => match[1] ?? '')
  assert.ok(references.length > 100)
  for (const reference of new Set(references)) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1]
    assert.ok(name && document.components.schemas[name], reference)
  }
})

test('every refusal is a problem document', () => {
  for (const { operation } of operations) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      if (status >= '400')
        assert.deepEqual(Object.keys(content ?? {}), ['application/problem+json'], operation.operationId)
    }
  }
})

test('every route has a name, a permission and a level that go together', () => {
  const names = new Set<string>()
  const places = new Set<string>()
  for (const [noun, routes] of Object.entries(contract)) {
    for (const route of Object.values(routes) as (typeof allRoutes)[number][]) {
      assert.match(route.name, /^[a-z][a-z-]*\.[a-z][a-z-]*$/)
      assert.ok(!names.has(route.name), `${route.name} is there twice`)
      names.add(route.name)
      const place = `${route.method} ${route.path.replaceAll(/:\w+/g, ':')}`
      assert.ok(!places.has(place), `${place} is there twice`)
      places.add(place)
      assert.match(route.path, /^\/v1\/[a-z:]/, route.name)
      assert.equal(route.name.split('.')[0], noun)
      if (route.needs === null) assert.ok(route.level === 'self' || route.level === 'public', route.name)
      else assert.ok(permissions.includes(route.needs), route.name)
      const inPath = [...route.path.matchAll(/:(\w+)/g)].map(match => match[1])
      assert.deepEqual(Object.keys(route.params?.properties ?? {}).sort(), inPath.sort(), route.name)
      assert.ok(route.summary.length > 5 && !route.summary.endsWith('.'), route.name)
      if (route.method === 'GET') assert.ok(route.status === 200 && !route.body, route.name)
      if (route.status === 204) assert.equal(route.reply, undefined, route.name)
      else assert.ok(route.reply !== undefined || route.stream !== undefined, route.name)
      for (const column of route.cli?.columns ?? [])
        assert.ok(columnsOf(route).includes(column), `${route.name}: ${column}`)
      for (const word of route.cli?.positional ?? [])
        assert.ok(Object.hasOwn(asSchema(route.body).properties ?? {}, word), route.name)
    }
  }
})

interface Schema {
  properties?: Record<string, Schema>
  items?: Schema
}
const asSchema = (value: unknown) => (value ?? {}) as Schema

function columnsOf(route: (typeof allRoutes)[number]): string[] {
  return Object.keys(asSchema(route.reply).properties?.items?.items?.properties ?? {})
}

test('only few routes are open to anybody', () => {
  const open = allRoutes.filter(route => route.level === 'public').map(route => route.name)
  assert.deepEqual(open, ['session.create', 'console-link.open'])
})
