/** What a request is about is told by its route and path alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allRoutes } from '../../../src/api/index.ts'
import { paramsIn, subjectOf } from '../../../src/api/route.ts'

const cases: [string, string, string, string | null][] = [
  ['router.remove-interface', '/v1/routers/r/interfaces/s', 'router', 'r'],
  ['router.add-interface', '/v1/routers/r/interfaces', 'router', 'r'],
  ['image.unshare', '/v1/images/i/members/p', 'image', 'i'],
  ['security-group.remove-rule', '/v1/security-groups/g/rules/r', 'security-group', 'g'],
  ['maintenance.start', '/v1/hosts/h/maintenance', 'host', 'h'],
  ['image-upload.patch', '/v1/image-uploads/i', 'image', 'i'],
  ['console.delete', '/v1/instances/i/consoles/c', 'console', 'c'],
  ['quota.set', '/v1/quotas/project/p', 'project', 'p'],
  ['zone.create', '/v1/zones', 'zone', null],
]

for (const [name, path, noun, id] of cases)
  test(`${name} is about ${noun}`, () => {
    const route = allRoutes.find(one => one.name === name)
    assert(route)
    assert.deepEqual(subjectOf(route, paramsIn(route, path)), { noun, id })
  })
