/** What every route does alike: ids, problems, limits, versions, keys; and the document that names them all. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

let cloud: TestCloud

describe('controller/manners', () => {
  before(async () => {
    cloud = await testCloud()
  })
  after(() => cloud.close())

  const flavor = { name: 'mannered', vcpus: 1, memory_mib: 64, disk_gib: 1 }

  test('every answer names its request, and every failure is a problem document', async () => {
    const fine = await cloud.request('GET', '/v1/flavors')
    assert.match(String(fine.headers['x-request-id']), /^[0-9a-f-]{36}$/)
    const id = crypto.randomUUID()
    const wrong = await cloud.request('GET', '/v1/nothing-here', { headers: { 'x-request-id': id } })
    assert.equal(wrong.status, 404)
    assert.equal(wrong.headers['content-type'], 'application/problem+json; charset=utf-8')
    assert.equal(wrong.body.request_id, id)
    for (const field of ['type', 'title', 'status', 'detail', 'code']) assert.ok(field in wrong.body, field)
  })

  test('the OpenAPI document that is served has the paths of the one that is kept', async () => {
    const served = await cloud.request('GET', '/v1/openapi.json')
    const kept = JSON.parse(await readFile(path.join(import.meta.dirname, '../../../openapi.json'), 'utf8')) as {
      paths: unknown
    }
    assert.deepEqual(served.body.paths, kept.paths)
  })

  test('bad bodies are refused with where and why, and nothing is made', async () => {
    const cases: [unknown, RegExp][] = [
      [{ ...flavor, vcpus: 'two' }, /: vcpus must be/],
      [{ ...flavor, vcpus: 0 }, /: vcpus must be/],
      [{ ...flavor, vcpus: 1.5 }, /: vcpus must be/],
      [{ ...flavor, colour: 'red' }, /colour/],
      [{ ...flavor, name: 'x'.repeat(129) }, /: name must/],
      [{ ...flavor, name: '<script>' }, /: name must/],
      [{ name: 'lacking' }, /: vcpus is missing\. Nothing/],
      [[], /The body does not fit: it must be an object/],
      ['text', /./],
    ]
    for (const [body, detail] of cases) {
      const answer = await cloud.request('POST', '/v1/flavors', {
        body,
        headers: { 'content-type': 'application/json' },
      })
      assert.ok(answer.status === 422 || answer.status === 400, JSON.stringify([body, answer.body]))
      assert.match(String(answer.body.detail), detail)
    }
    const none = await cloud.request('GET', '/v1/flavors?name=mannered')
    assert.deepEqual(none.body.items, [])
  })

  test('what is not JSON, too large or of another type is refused before it is looked at', async () => {
    const send = (payload: string, type = 'application/json') =>
      cloud.server.inject({
        method: 'POST',
        url: '/v1/flavors',
        headers: { authorization: `Bearer ${cloud.admin}`, 'content-type': type },
        payload,
      })
    assert.equal((await send('{"name":')).json().code, 'bad_request')
    assert.equal((await send(`{"name":"${'x'.repeat(2 * 1024 * 1024)}"}`)).json().code, 'too_large')
    assert.equal((await send('<flavor/>', 'application/xml')).json().code, 'unsupported_media')
    assert.equal((await send('{"__proto__":{"admin":true},"name":"p"}')).statusCode, 400)
  })

  test('unknown and malformed queries are refused', async () => {
    for (const query of ['limit=0', 'limit=1001', 'limit=ten', 'sort=password', 'cursor=%00', 'colour=red']) {
      const answer = await cloud.request('GET', `/v1/flavors?${query}`)
      assert.equal(answer.status, 422, `${query}: ${JSON.stringify(answer.body)}`)
    }
    assert.equal((await cloud.request('GET', '/v1/flavors/not-a-uuid')).status, 422)
  })

  test('no token, a wrong one and an expired one are all the same 401', async () => {
    const { db } = cloud.cloud.database
    const expired = await cloud.tokenOf(cloud.admin_user_id, cloud.project_id)
    await db
      .updateTable('token')
      .set({ expires_at: new Date(0) })
      .execute()
    for (const token of [null, 'croft_t_nobody-nobody-nobody', expired]) {
      const answer = await cloud.request('GET', '/v1/flavors', { token })
      assert.equal(answer.status, 401)
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="croft"')
    }
    cloud.admin = await cloud.tokenOf(cloud.admin_user_id, cloud.project_id)
  })

  test('If-Match guards against changing what one has not seen', async () => {
    await addHost(cloud, 'h1')
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny', { token: cloud.admin })
    const body = {
      name: 'guarded',
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks: [{ network_id: await addNetwork(cloud) }],
    }
    const made = await cloud.request('POST', '/v1/instances', { token: cloud.admin, body })
    const id = String((made.body.items?.[0] as { id: string }).id)
    const change = (tags: object, etag: string) =>
      cloud.request('PATCH', `/v1/instances/${id}`, {
        token: cloud.admin,
        body: { tags },
        headers: { 'if-match': etag },
      })
    const seen = await cloud.request('GET', `/v1/instances/${id}`, { token: cloud.admin })
    const etag = String(seen.headers.etag)
    const first = await change({ by: 'one' }, etag)
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.notEqual(first.headers.etag, etag)
    const second = await change({ by: 'other' }, etag)
    assert.equal(second.status, 412)
    assert.equal(second.body.code, 'changed_meanwhile')
    const now = await cloud.request('GET', `/v1/instances/${id}`, { token: cloud.admin })
    assert.deepEqual(now.body.tags, { by: 'one' })
    assert.equal((await change({}, 'W/"x"')).status, 400)
  })

  test('a client that hangs up while it waits leaves nothing behind', async () => {
    const url = new URL(await cloud.server.listen({ host: '127.0.0.1', port: 0 }))
    const waiting = [...Array(5)].map(
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(Number(url.port), url.hostname, () => {
            socket.write(`GET /v1/event-stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${cloud.admin}\r\n\r\n`)
            socket.once('data', () => socket.destroy())
          })
          socket.once('close', () => resolve()).once('error', reject)
        }),
    )
    await Promise.all(waiting)
    const made = await cloud.request('POST', '/v1/flavors', { token: cloud.admin, body: flavor })
    assert.equal(made.status, 201)
  })
})
