/** How `croft up` waits for what happens in the cloud, against a small server of the test's own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { until } from '../../../src/host/until.ts'
import { nameServers, networkOf } from '../../../src/host/up/first-cloud.ts'
import { createClient } from '../../../src/sdk/node-client.ts'

let stream: http.ServerResponse | undefined
let looks = 0
const server = http.createServer((request, response) => {
  if (request.headers.authorization !== 'Bearer secret') {
    response.writeHead(401, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ status: 401, code: 'not_signed_in', detail: 'No token was sent.' }))
  } else if (request.url === '/v1/event-stream?all_projects=true') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    stream = response
  } else response.writeHead(404).end()
})
before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
after(() => server.closeAllConnections())
after(() => server.close())

const client = (token?: string) =>
  createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token })

void test('waiting looks at once, then after each event, and no more often', async () => {
  looks = 0
  const found = until(
    client('secret'),
    async () => {
      looks++
      if (looks === 3) return 'there'
      stream?.write(`id: 1\nevent: changed\ndata: {}\n\n`)
      return undefined
    },
    5_000,
  )
  assert.equal(await found, 'there')
  assert.equal(looks, 3)
})

void test('waiting ends with its time, with what the look throws, and where nobody answers', async () => {
  const api = client('secret')
  assert.equal(await until(api, async () => undefined, 50), undefined)
  await assert.rejects(
    until(api, () => Promise.reject(new Error('broken')), 5_000),
    /broken/,
  )
  await assert.rejects(
    until(client(), async () => undefined, 5_000),
    /No token was sent/,
  )
  const nobody = createClient({ url: 'http://127.0.0.1:1' })
  await assert.rejects(
    until(nobody, async () => undefined, 5_000),
    /nothing listens there/,
  )
})

void test('a stream that breaks is followed on, and looked at anew', async () => {
  looks = 0
  const found = until(
    client('secret'),
    async () => {
      looks++
      if (looks === 1) stream?.end()
      return looks === 2 ? 'there' : undefined
    },
    5_000,
  )
  assert.equal(await found, 'there')
})

void test('the network of a gateway, and name servers that guests can reach', () => {
  assert.deepEqual(networkOf('172.31.240.1/24'), { cidr: '172.31.240.0/24', gateway: '172.31.240.1' })
  assert.deepEqual(networkOf('10.255.255.254/8'), { cidr: '10.0.0.0/8', gateway: '10.255.255.254' })
  for (const text of ['10.0.0.1', '10.0.0.1/31', '10.0.0.256/24', 'fd00::1/64', ''])
    assert.throws(() => networkOf(text), /is not an IPv4 address/, text)
  assert.deepEqual(nameServers('# x\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nnameserver fe80::1%eth0\n'), [
    '9.9.9.9',
  ])
})
