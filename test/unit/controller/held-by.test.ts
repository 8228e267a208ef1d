/** What grants come to: deny by default. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { heldBy } from '../../../src/controller/store/credential.ts'
import { permissions } from '../../../src/model/permissions.ts'

const none = { project_id: 'p', project_domain_id: 'd', above: [], grants: [] }
const place = { domain_id: null, project_id: null }

test('nothing granted, nothing held', () => {
  const held = heldBy(none)
  assert.deepEqual([held.on_system.size, held.on_domains.size, held.on_project.size], [0, 0, 0])
})

test('a grant on the system holds everywhere', () => {
  const held = heldBy({ ...none, grants: [{ ...place, scope: 'system', permissions: ['flavor.read'] }] })
  assert.deepEqual([...held.on_system], ['flavor.read'])
  assert.deepEqual([...held.on_project], ['flavor.read'])
})

test('a grant on a project holds there and in no other', () => {
  const grant = (project_id: string) => ({
    ...place,
    scope: 'project' as const,
    project_id,
    permissions: ['flavor.read'],
  })
  assert.deepEqual([...heldBy({ ...none, grants: [grant('p')] }).on_project], ['flavor.read'])
  assert.equal(heldBy({ ...none, grants: [grant('q')] }).on_project.size, 0)
  assert.equal(heldBy({ ...none, project_id: null, grants: [grant('p')] }).on_project.size, 0)
})

test('a grant on a domain holds in it, below it, and in their projects', () => {
  const above = [
    { domain_id: 'top', ancestor_id: 'top' },
    { domain_id: 'd', ancestor_id: 'top' },
  ]
  const grants = [{ ...place, scope: 'domain' as const, domain_id: 'top', permissions: ['user.read'] }]
  const held = heldBy({ ...none, above, grants })
  assert.deepEqual([...held.on_domains.keys()], ['top', 'd'])
  assert.deepEqual([...held.on_project], ['user.read'])
  assert.equal(held.on_system.size, 0)
  const elsewhere = heldBy({ ...none, project_domain_id: 'other', above, grants })
  assert.equal(elsewhere.on_project.size, 0)
})

test('a permission that this program does not know permits nothing', () => {
  const held = heldBy({ ...none, grants: [{ ...place, scope: 'system', permissions: ['world.rule', 'constructor'] }] })
  assert.equal(held.on_system.size, 0)
})

test('more grants never take anything away, and nothing is held that no grant gives', () => {
  const some = fc.subarray([...permissions], { maxLength: 4 })
  const grant = fc.oneof(
    some.map(held => ({ ...place, scope: 'system' as const, permissions: held })),
    fc
      .tuple(some, fc.constantFrom('d', 'e'))
      .map(([held, domain_id]) => ({ ...place, scope: 'domain' as const, domain_id, permissions: held })),
    fc
      .tuple(some, fc.constantFrom('p', 'q'))
      .map(([held, project_id]) => ({ ...place, scope: 'project' as const, project_id, permissions: held })),
  )
  const above = ['d', 'e'].map(id => ({ domain_id: id, ancestor_id: id }))
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 6 }), grants => {
      const all = heldBy({ ...none, above, grants }).on_project
      const fewer = heldBy({ ...none, above, grants: grants.slice(1) }).on_project
      for (const permission of fewer) assert.ok(all.has(permission))
      for (const permission of all) {
        assert.ok(
          grants.some(
            each =>
              each.permissions.includes(permission) &&
              (each.scope === 'system' || each.domain_id === 'd' || each.project_id === 'p'),
          ),
        )
      }
    }),
  )
})
