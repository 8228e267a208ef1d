/** Ids, permissions, errors and protocols: small rules that everything else leans on. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { allRoutes } from '../../../src/api/index.ts'
import { CloudError, type ErrorCode, errorTable } from '../../../src/model/errors.ts'
import { isUuid, newId } from '../../../src/model/ids.ts'
import { canonicalProtocol, protocolNames, protocolNumber } from '../../../src/model/ip-protocols.ts'
import { builtInRoles, type Permission, permissions } from '../../../src/model/permissions.ts'
import { projectQuotaDefaults, quotaResources } from '../../../src/model/quota.ts'

const idAt = (now_ms: number) =>
  newId<never>({ now_ms: () => now_ms, randomBytes: count => randomBytes(count) }) as string

test('ids are UUIDs of version 7 (RFC 9562) that sort by the time of their making', () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 1 })
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [first, second] = [idAt(a), idAt(b)]
      assert.ok(isUuid(first))
      assert.equal(first[14], '7')
      assert.match(first[19] ?? '', /[89ab]/)
      assert.equal(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16), a)
      if (a !== b) assert.equal(first < second, a < b)
    }),
  )
})

test('roles hold known permissions, each once; the reader only reads; the administrator holds all', () => {
  const known = new Set<string>(permissions)
  assert.equal(known.size, permissions.length)
  for (const [name, role] of Object.entries(builtInRoles)) {
    const held: readonly Permission[] = role.permissions
    assert.equal(new Set(held).size, held.length, `${name} names a permission twice`)
    for (const permission of held) assert.ok(known.has(permission), `${name}: ${permission}`)
  }
  for (const permission of builtInRoles.reader.permissions) assert.match(permission, /\.read$/)
  assert.deepEqual(new Set(builtInRoles.admin.permissions), known)
})

test('what changes something never needs a permission to read only', () => {
  // Asked with a body, and yet only looking; a console opened by who may only read is for looking, whatever was asked.
  const looking = new Set(['security-group.check', 'instance.console'])
  for (const { name, method, needs } of allRoutes) {
    if (method === 'GET' || (method as string) === 'HEAD' || needs === null || looking.has(name)) continue
    assert.doesNotMatch(needs, /\.read$/, name)
  }
})

test('every route names errors that are in the table, each once', () => {
  for (const { name, errors } of allRoutes) {
    assert.equal(new Set(errors).size, errors.length, name)
    for (const code of errors) assert.ok(code in errorTable, `${name}: ${code}`)
  }
})

test('an error has an HTTP status of the failing kind, and a title that is no sentence', () => {
  for (const [code, { status, title }] of Object.entries(errorTable)) {
    assert.ok(status >= 400 && status <= 599, code)
    assert.match(title, /^[A-Z].*[a-z]$/, code)
    assert.equal(new CloudError(code as ErrorCode, 'It is so.').status, status)
  }
})

test('a protocol has one spelling, and a number that leads back to it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...protocolNames), fc.integer({ min: 0, max: 255 }).map(String)), text => {
      const canonical = canonicalProtocol(text)
      assert.ok(canonical !== null)
      assert.equal(canonicalProtocol(canonical), canonical)
      assert.equal(canonicalProtocol(text.toUpperCase()), canonical)
      assert.equal(canonicalProtocol(String(protocolNumber(canonical))), canonical)
    }),
  )
  for (const text of ['', '256', '-1', '1.5', 'constructor', 'tcp ', '__proto__']) {
    assert.equal(canonicalProtocol(text), null, text)
  }
})

test('everything that is limited has a limit to begin with', () => {
  for (const resource of quotaResources) assert.ok(projectQuotaDefaults[resource] > 0, resource)
})
