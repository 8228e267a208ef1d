/** Input that means harm, or is merely broken: each gets a clear refusal, never "something went wrong inside". */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { handlers } from '../../../src/controller/http/index.ts'
import { buildServer } from '../../../src/controller/http/server.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

describe('controller/hostile', () => {
  let cloud: TestCloud
  let body: Record<string, unknown>
  let network_id: string

  before(async () => {
    cloud = await testCloud()
    await addHost(cloud, 'h1', { memory_mib: 64_000 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    network_id = await addNetwork(cloud)
    body = {
      name: 'x',
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks: [{ network_id }],
    }
  })
  after(() => cloud.close())

  const refused = (answer: { status: number; body: unknown }, what: string) =>
    assert.ok(
      answer.status === 422 || answer.status === 400,
      `${what}: ${answer.status} ${JSON.stringify(answer.body)}`,
    )

  test('texts that no database takes are refused where they are', async () => {
    for (const text of ['a\u0000b', 'half \ud800 a pair']) {
      const made = { name: 'odd', description: text }
      refused(await cloud.request('POST', '/v1/projects', { body: made }), JSON.stringify(text))
      refused(await cloud.request('POST', '/v1/instances', { body: { ...body, tags: { key: text } } }), 'a tag')
      refused(await cloud.request('POST', '/v1/instances', { body: { ...body, tags: { [text]: 'v' } } }), 'a tag key')
    }
    refused(await cloud.request('GET', '/v1/volumes?cursor=%00'), 'a query')
    const fine = { name: 'fine', description: 'a literal \\u0000 and \u{1F600}' }
    assert.equal((await cloud.request('POST', '/v1/projects', { body: fine })).status, 201)
  })

  test('a Host header that is none harms no upload', async () => {
    const made = await cloud.request('POST', '/v1/images', { body: { name: 'odd-host', size_bytes: 10 } })
    const { id } = made.body.image as { id: string }
    const asked = await cloud.server.inject({
      method: 'HEAD',
      url: `/v1/image-uploads/${id}`,
      headers: { authorization: `Bearer ${cloud.admin}`, 'tus-resumable': '1.0.0', host: '[' },
    })
    assert.equal(asked.statusCode, 200, asked.body)
    assert.equal(asked.headers['upload-length'], '10')
  })

  test('cursors that were made up are refused', async () => {
    const cursor = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url')
    for (const query of [
      `instances?cursor=${cursor('id', '', 'no-uuid')}`,
      `instances?sort=created_at&cursor=${cursor('created_at', 'yesterday-ish', crypto.randomUUID())}`,
      `instances?cursor=${cursor('id', '', "' or 1=1 --")}`,
      'events?cursor=99999999999999999999.1',
      'audit?cursor=zero',
      'audit?since=yesterday',
    ])
      refused(await cloud.request('GET', `/v1/${query}`), query)
  })

  test('bodies nested beyond all measure are refused', async () => {
    const deep = 500_000
    const payload = `{"name":${'['.repeat(deep)}${']'.repeat(deep)}}`
    const answer = await cloud.server.inject({
      method: 'POST',
      url: '/v1/flavors',
      headers: { authorization: `Bearer ${cloud.admin}`, 'content-type': 'application/json' },
      payload,
    })
    refused({ status: answer.statusCode, body: answer.body }, 'a deep body')
  })

  test('the same security group twice, and keys of tags without end, are refused', async () => {
    const group = await cloud.request('POST', '/v1/security-groups', { body: { name: 'twice' } })
    const security_groups = [group.body.id, group.body.id]
    const networks = [{ network_id, security_groups }]
    refused(await cloud.request('POST', '/v1/instances', { body: { ...body, networks } }), 'groups of an instance')
    refused(await cloud.request('POST', '/v1/ports', { body: { network_id, security_groups } }), 'groups of a port')
    refused(
      await cloud.request('POST', '/v1/instances', { body: { ...body, tags: { ['k'.repeat(5000)]: 'v' } } }),
      'a key',
    )
  })

  test('a path that is no path is a problem document as any other', async () => {
    const answer = await cloud.server.inject({ method: 'GET', url: '/v1/flavors/%zz' })
    assert.equal(answer.statusCode, 400)
    assert.equal(answer.json().code, 'bad_request', answer.body)
  })

  test('a sign-in is one however its path is written', async () => {
    const rate = { per_s: 1, burst: 10 }
    const server = await buildServer(cloud.cloud, handlers, { rate })
    const payload = { user: 'nobody-here', password: 'wrong' }
    const send = () => server.inject({ method: 'POST', url: '/v1/sign%2Din', payload })
    assert.equal((await send()).json().code, 'sign_in_refused')
    assert.equal((await send()).json().code, 'too_many_requests')
    await server.close()
  })

  test('a key used for the same path with another query is a different request', async () => {
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    const path = `/v1/instances/${String(made.body.items?.[0]?.id)}`
    const headers = { 'idempotency-key': 'once' }
    assert.equal((await cloud.request('DELETE', path, { headers })).status, 202)
    assert.equal((await cloud.request('DELETE', `${path}?purge=true`, { headers })).body.code, 'idempotency_mismatch')
  })

  test('no answer that holds a secret is kept for a key', async () => {
    const invited = await cloud.request('POST', '/v1/host-invitations', {
      body: {},
      headers: { 'idempotency-key': 'invite' },
    })
    assert.equal(invited.status, 201)
    const kept = await cloud.cloud.database.db.selectFrom('idempotency').select('body').execute()
    assert.ok(!JSON.stringify(kept).includes(String(invited.body.token)))
  })
})
