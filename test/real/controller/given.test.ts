/** Instances given to people one by one: they see and operate these, and of the project nothing else; and lose it at once. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { allRoutes } from '../../../src/api/index.ts'
import { serveConsoles } from '../../../src/controller/http/console-socket.ts'
import { consoleClosed } from '../../../src/model/console.ts'
import { type AskOptions, type TestCloud, testCloud } from '../../support/cloud.ts'
import { type ConsoleHost, serveConsolesOf } from '../../support/console-host.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { Viewer } from '../../support/viewer.ts'

suite('instances given singly', () => {
  let cloud: TestCloud
  let served: ConsoleHost
  let end: () => void
  let base: string
  let ids: string[]
  let user_id: string
  let grant_id: string
  let theirs: string
  const password = 'a long enough one'

  before(async () => {
    cloud = await testCloud()
    end = serveConsoles(cloud.cloud, cloud.server.server)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    base = `127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    served = await serveConsolesOf(await addHost(cloud, 'h1'), [cloud])
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = {
      name: 'vm',
      count: 3,
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks,
    }
    const made = await ok('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    ids = (made.items ?? []).map(one => String(one.id)).sort()
    user_id = String((await ok('POST', '/v1/users', { body: { name: 'eve', password } })).id)
    grant_id = await give('operator', ids[0])
    theirs = String((await signIn()).token)
  })
  after(async () => {
    end()
    await served.close()
    await cloud.close()
  })

  async function ok(method: string, path: string, options: AskOptions = {}) {
    const answered = await cloud.request(method, path, options)
    assert.ok(answered.status < 300, `${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`)
    return answered.body
  }
  const give = async (role: string, instance_id: string | undefined, to = user_id) =>
    String((await ok('POST', '/v1/role-grants', { body: { user_id: to, role, scope: 'instance', instance_id } })).id)
  const signIn = () => ok('POST', '/v1/sign-in', { token: null, body: { user: 'eve', password } })
  const as = (method: string, path: string, body?: object, token = theirs) =>
    cloud.request(method, path, { token, ...(body && { body }) })
  const shown = async (path: string, token = theirs) =>
    ((await ok('GET', path, { token })).items ?? []).map(one => one.id)

  test('signing in leads to the project of what was given, where one holds nothing else', async () => {
    const signed = await signIn()
    assert.equal((signed.project as { id: string }).id, cloud.project_id)
    const { permissions, roles } = (await ok('GET', '/v1/session', { token: theirs })) as {
      permissions?: { project: string[]; instances: object[] }
      roles?: { scope: string; instance_id: string }[]
    }
    assert.deepEqual(permissions?.project, [])
    assert.deepEqual(permissions?.instances, [
      { instance_id: ids[0], permissions: ['instance.read', 'instance.operate'] },
    ])
    assert.deepEqual(
      roles?.map(one => [one.scope, one.instance_id]),
      [['instance', ids[0]]],
    )
    assert.deepEqual(await shown('/v1/projects'), [cloud.project_id])
  })

  test('one sees and operates exactly that; the others are not there, the rest of the project is refused', async () => {
    assert.deepEqual(await shown('/v1/instances'), [ids[0]])
    assert.deepEqual(await shown('/v1/instances?sort=name&search=vm'), [ids[0]])
    assert.equal((await as('GET', '/v1/instances?all_projects=true')).status, 403)
    const acted = await as('POST', `/v1/instances/${ids[0]}/stop`, {})
    assert.equal(acted.status, 202)
    const operation = (acted.body.operation as { id: string }).id
    const done = await cloud.request('GET', `/v1/operations/${operation}`, {
      token: theirs,
      headers: { prefer: 'wait=10' },
    })
    assert.equal(done.body.state, 'succeeded')
    const targets = await ok('GET', `/v1/operations/${operation}/targets`, { token: theirs })
    assert.deepEqual(
      targets.items?.map(one => [one.resource_id, one.outcome, typeof one.name]),
      [[ids[0], 'succeeded', 'string']],
    )
    assert.equal((await as('POST', `/v1/instances/${ids[0]}/start`, {})).status, 202)
    assert.deepEqual(
      new Set((await ok('GET', '/v1/operations', { token: theirs })).items?.map(one => one.resource_id)),
      new Set([ids[0]]),
    )
    for (const id of [ids[1], crypto.randomUUID()]) {
      for (const [method, path, body] of [
        ['GET', ''],
        ['POST', '/stop', {}],
        ['POST', '/console', {}],
        ['GET', '/log'],
        ['GET', '/consoles'],
        ['DELETE', ''],
      ] as const) {
        assert.equal((await as(method, `/v1/instances/${id}${path}`, body)).status, 404, `${method} ${path}`)
      }
      assert.equal((await as('GET', `/v1/metrics/latest?resource=${id}`)).status, 404)
    }
    assert.equal((await as('GET', `/v1/metrics/latest?resource=${ids[0]}`)).status, 200)
    // Not what the role does not have, and nothing beside it.
    assert.equal((await as('DELETE', `/v1/instances/${ids[0]}`)).status, 403)
    assert.equal((await as('PATCH', `/v1/instances/${ids[0]}`, { name: 'mine' })).status, 403)
    assert.equal((await as('GET', '/v1/metrics/prometheus')).status, 403)
    const made = await ok('GET', '/v1/operations?sort=id')
    const creation = made.items?.find(one => one.kind === 'instance.create')?.id
    assert.equal((await as('GET', `/v1/operations/${String(creation)}`)).status, 404)
    assert.equal((await as('GET', `/v1/operations/${String(creation)}/targets`)).status, 404)
  })

  test('every route that is not meant for it is refused, deny by default', async () => {
    const wrong: string[] = []
    let tried = 0
    for (const route of allRoutes) {
      if (route.level === 'public' || route.level === 'self' || route.on_instance) continue
      tried += 1
      const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) =>
        name === 'instance' ? String(ids[0]) : name === 'project' ? cloud.project_id : crypto.randomUUID(),
      )
      const { status } = await as(route.method, path, route.body ? {} : undefined)
      if (status !== 403) wrong.push(`${route.name}: ${status}`)
    }
    assert.deepEqual(wrong, [])
    assert.ok(tried > 80)
    // What it lets in has an instance in its path, or is a list that keeps to what was given.
    const meant = allRoutes.filter(route => route.on_instance && !route.path.includes('/:instance'))
    assert.deepEqual(meant.map(route => route.name).sort(), [
      'event.list',
      'instance.list',
      'operation.cancel',
      'operation.get',
      'operation.list',
      'operation.targets',
    ])
  })

  test('events of it, and of nothing else; what is given or taken later counts at once', async () => {
    const past = await ok('GET', '/v1/events?limit=1000', { token: theirs })
    const nouns = new Set((past.items ?? []).map(one => one.noun))
    assert.ok(nouns.has('instance') && nouns.has('operation'))
    for (const one of past.items ?? []) {
      assert.ok(['instance', 'operation', 'console', 'role-grant'].includes(String(one.noun)), JSON.stringify(one))
      if (one.noun === 'instance') assert.equal(one.resource_id, ids[0])
    }
    const stream = await fetch(`http://${base}/v1/event-stream`, { headers: { authorization: `Bearer ${theirs}` } })
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await ok('PATCH', `/v1/instances/${ids[1]}`, { body: { tags: { a: '1' } } })
    await ok('PATCH', `/v1/instances/${ids[0]}`, { body: { tags: { a: '1' } } })
    let text = ''
    while (!text.includes(String(ids[0]))) text += new TextDecoder().decode((await reader.read()).value)
    assert.ok(!text.includes(String(ids[1])))
    const second = await give('reader', ids[1])
    // Its rights have grown: the stream ends, and who reads it comes back.
    for (let next = await reader.read(); !next.done; ) next = await reader.read()
    const told = await ok('GET', '/v1/events?noun=role-grant&limit=1000', { token: theirs })
    assert.ok(
      told.items?.some(one => one.resource_id === second),
      'what one is given oneself is no secret',
    )
    assert.deepEqual((await shown('/v1/instances')).toSorted(), [ids[0], ids[1]])
    assert.equal((await as('POST', `/v1/instances/${ids[1]}/stop`, {})).status, 403, 'to read only')
    await ok('DELETE', `/v1/role-grants/${second}`)
    assert.deepEqual(await shown('/v1/instances'), [ids[0]])
  })

  test('its console, until the right to it is taken', async () => {
    const again = await give('operator', ids[2])
    const made = await as('POST', `/v1/instances/${ids[2]}/console`, { kind: 'serial' })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const viewer = new Viewer(`ws://${base}${String(made.body.url)}`)
    await once(viewer.socket, 'open')
    viewer.socket.send('hello')
    await viewer.says('hello')
    await ok('DELETE', `/v1/role-grants/${again}`)
    assert.equal((await viewer.closed).code, consoleClosed.ended)
  })

  test('an API key of theirs does the same', async () => {
    const key = String((await ok('POST', '/v1/api-keys', { token: theirs, body: { name: 'k' } })).secret)
    assert.deepEqual(await shown('/v1/instances', key), [ids[0]])
    assert.equal((await as('GET', '/v1/networks', undefined, key)).status, 403)
  })

  test('given by who runs the domain, with what fits, once; and gone with the instance', async () => {
    const body = { user_id, role: 'operator', scope: 'instance', instance_id: ids[0] }
    const twice = await cloud.request('POST', '/v1/role-grants', { body })
    assert.equal(twice.body.code, 'conflict')
    for (const wrong of [{ instance_id: undefined }, { project_id: cloud.project_id }, { scope: 'project' }]) {
      assert.equal((await cloud.request('POST', '/v1/role-grants', { body: { ...body, ...wrong } })).status, 422)
    }
    const none = await cloud.request('POST', '/v1/role-grants', { body: { ...body, instance_id: crypto.randomUUID() } })
    assert.equal(none.status, 404)
    await ok('POST', '/v1/roles', { body: { name: 'looks-at-images', permissions: ['image.read'] } })
    const useless = await cloud.request('POST', '/v1/role-grants', { body: { ...body, role: 'looks-at-images' } })
    assert.equal(useless.status, 422)
    assert.match(String(useless.body.detail), /permits nothing with an instance/)
    assert.equal((await as('POST', '/v1/role-grants', body)).status, 403)
    const listed = await ok('GET', `/v1/role-grants?instance_id=${ids[0]}`)
    assert.deepEqual(
      listed.items?.map(one => [one.id, one.user_name, one.role_name, one.instance_name, one.project_id]),
      [[grant_id, 'eve', 'operator', 'vm-1', null]],
    )
    await ok('DELETE', `/v1/instances/${ids[0]}?purge=true`, { headers: { prefer: 'wait=10' } })
    for (;;) {
      const left = await ok('GET', `/v1/role-grants?instance_id=${ids[0]}`)
      if (left.items?.length === 0) break
      await new Promise<void>(resolve => {
        const stop = cloud.cloud.events.watch(() => (stop(), resolve()))
      })
    }
    assert.deepEqual(await shown('/v1/instances'), [])
  })
})
