/** The few calls of `croft up` to the API, against a small server of the test's own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { ApiError, localApi } from '../../../src/host/api.ts'
import { nameServers, networkOf } from '../../../src/host/up/first-cloud.ts'

let stream: http.ServerResponse | undefined
let looks = 0
const server = http.createServer((request, response) => {
  if (request.headers.authorization !== 'Bearer secret') {
    response.writeHead(401, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ status: 401, code: 'not_signed_in', detail: 'No token was sent.' }))
  } else if (request.url === '/v1/event-stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    stream = response
  } else if (request.url === '/v1/echo') request.pipe(response)
  else response.writeHead(204).end()
})
before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
after(() => server.closeAllConnections())
after(() => server.close())

const place = (token?: string) => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token })

void test('values go there and come back; a problem becomes an error with its words and code', async () => {
  const api = localApi(place('secret'))
  assert.deepEqual(await api.call('POST', '/v1/echo', { a: 1 }), { a: 1 })
  assert.equal(await api.call('DELETE', '/v1/nothing'), undefined)
  await assert.rejects(localApi(place()).call('GET', '/v1/session'), (error: unknown) => {
    assert(error instanceof ApiError)
    assert.deepEqual([error.status, error.code, error.message], [401, 'not_signed_in', 'No token was sent.'])
    return true
  })
  await assert.rejects(localApi({ url: 'http://127.0.0.1:1' }).call('GET', '/'), /does not answer: .*ECONNREFUSED/)
})

void test('waiting looks at once, then after each event, and no more often', async () => {
  looks = 0
  const found = localApi(place('secret')).until(async () => {
    looks++
    if (looks === 3) return 'there'
    stream?.write(`id: 1\nevent: changed\ndata: {}\n\n`)
    return undefined
  }, 5_000)
  assert.equal(await found, 'there')
  assert.equal(looks, 3)
})

void test('waiting ends with its time, and with the controller', async () => {
  const api = localApi(place('secret'))
  assert.equal(await api.until(async () => undefined, 50), undefined)
  const cut = api.until(async () => {
    stream?.end()
    return undefined
  }, 5_000)
  await assert.rejects(cut, /the event stream ended/)
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
