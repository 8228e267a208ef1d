/** The client against a server on loopback that misbehaves as asked. */
import assert from 'node:assert/strict'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, test } from 'node:test'
import { contract } from '../../../src/api/index.ts'
import { ApiProblem, ConnectionFailed, createClient, event_stream_path } from '../../../src/sdk/index.ts'
import { readEventStream } from '../../../src/sdk/event-stream.ts'
import { uploadByTus } from '../../../src/sdk/tus.ts'
import { operations } from '../../../src/ui/shell/operations.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void
let server: http.Server | undefined

async function serve(answer: Answer): Promise<string> {
  let count = 0
  server = http.createServer((request, response) => answer(request, response, ++count))
  await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json', etag: '"3"' }).end(JSON.stringify(value))

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

test('a call is what its route says: method, path, query, body, credential, preferences', async () => {
  const seen: unknown[] = []
  const url = await serve(async (request, response) => {
    const { authorization, prefer, 'if-match': if_match, 'idempotency-key': key } = request.headers
    seen.push([request.method, request.url, authorization, prefer, if_match, key, await bodyOf(request)])
    json(response, { id: 'x' })
  })
  const client = createClient({ url: `${url}/`, token: 'secret' })
  await client.call(contract.instance.list, { query: { name: 'a b', deleted: true } })
  const params = { instance: 'i/1' }
  const reply = await client.ask(contract.instance.update, {
    params,
    body: { name: 'n' },
    wait_s: 1.5,
    if_match: 2,
    idempotency_key: 'k',
  })
  assert.equal(reply.version, 3)
  assert.deepEqual(seen, [
    ['GET', '/v1/instances?name=a+b&deleted=true', 'Bearer secret', undefined, undefined, undefined, ''],
    ['PATCH', '/v1/instances/i%2F1', 'Bearer secret', 'wait=2', '"2"', 'k', '{"name":"n"}'],
  ])
})

test('a refusal is an ApiProblem with all its fields', async () => {
  const url = await serve((_, response) =>
    json(
      response,
      { status: 409, code: 'quota_exceeded', detail: 'No more.', title: 'T', request_id: 'r', limit: 3 },
      409,
    ),
  )
  await assert.rejects(createClient({ url }).call(contract.flavor.list), (error: unknown) => {
    assert.ok(error instanceof ApiProblem)
    assert.deepEqual(
      [error.status, error.code, error.message, error.request_id, error.document.limit],
      [409, 'quota_exceeded', 'No more.', 'r', 3],
    )
    return true
  })
})

test('what is not Croft is told apart', async () => {
  const url = await serve((_, response) => response.writeHead(502).end('<html>bad gateway'))
  await assert.rejects(createClient({ url }).call(contract.flavor.list), { name: 'ApiProblem', code: 'not_croft' })
})

test('a lost connection is tried again with the same key; a server that was never there is an error at once', async () => {
  const keys: unknown[] = []
  const url = await serve((request, response, count) => {
    keys.push(request.headers['idempotency-key'])
    if (count === 1) request.socket.destroy()
    else json(response, { id: 'x' }, 201)
  })
  const body = { name: 'n' }
  await createClient({ url }).call(contract.network.create, { body })
  assert.equal(keys.length, 2)
  assert.equal(keys[0], keys[1])
  assert.match(String(keys[0]), /^[0-9a-f-]{36}$/)
  const nobody = createClient({ url: 'http://127.0.0.1:9' }).call(contract.network.create, { body })
  await assert.rejects(nobody, (error: unknown) => error instanceof ConnectionFailed && error.code === 'ECONNREFUSED')
})

test('changes are made, and told of, where the page came over plain HTTP and there is no crypto.randomUUID', async () => {
  const keys: unknown[] = []
  const url = await serve((request, response) => {
    keys.push(request.headers['idempotency-key'])
    json(response, { id: 'x' }, 201)
  })
  // Not even there, as in browsers (secure contexts, W3C).
  Object.defineProperty(crypto, 'randomUUID', { value: undefined, configurable: true })
  try {
    for (let n = 0; n < 2; n++) await createClient({ url }).call(contract.network.create, { body: { name: 'n' } })
    for (const title of ['Rename it', 'Rename it again']) operations.said(title, { variant: 'success' })
  } finally {
    Reflect.deleteProperty(crypto, 'randomUUID')
  }
  for (const key of keys)
    assert.match(String(key), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(new Set(keys).size, 2)
  assert.equal(new Set(operations.snapshot().map(one => one.id)).size, 2)
})

test('too many requests: comes back when told to', async () => {
  const url = await serve((_, response, count) => {
    if (count > 1) json(response, { items: [], next: null })
    else response.writeHead(429, { 'retry-after': '0.2' }).end('{"code":"too_many_requests"}')
  })
  assert.deepEqual(await createClient({ url }).call(contract.flavor.list), { items: [], next: null })
})

test('pages are read to the end, and no further than they are taken', async () => {
  let asked = 0
  const url = await serve((request, response) => {
    asked += 1
    const cursor = new URL(request.url ?? '', 'http://x').searchParams.get('cursor')
    json(response, cursor ? { items: [3], next: null } : { items: [1, 2], next: 'c' })
  })
  const client = createClient({ url })
  const all: unknown[] = []
  for await (const item of client.pages(contract.flavor.list)) all.push(item)
  assert.deepEqual(all, [1, 2, 3])
  for await (const item of client.pages(contract.flavor.list)) if (item) break
  assert.equal(asked, 3)
})

test('events resume at the last cursor when the connection breaks', async () => {
  const asked: (string | null)[] = []
  const url = await serve((request, response, count) => {
    asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('cursor'))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (count === 1)
      response.write('id: 1.1\ndata: {"cursor":"1.1"}\n\nid: 1.2\ndata: {"cur', () => request.socket.destroy())
    else response.write('id: 1.2\ndata: {"cursor":"1.2"}\n\n')
  })
  const stop = new AbortController()
  const gaps: boolean[] = []
  const seen: string[] = []
  for await (const event of createClient({ url }).events({ signal: stop.signal, on_open: gap => gaps.push(gap) })) {
    seen.push(event.cursor)
    if (seen.length === 2) stop.abort()
  }
  assert.deepEqual(
    [seen, asked, gaps],
    [
      ['1.1', '1.2'],
      [null, '1.1'],
      [false, false],
    ],
  )
  assert.equal(event_stream_path, contract.event.stream.path)
})

test('an event stream is read however it is cut', async () => {
  const bytes = new TextEncoder().encode(
    ': hi\r\n\r\nid: 1\r\nevent: a\r\ndata: ä\r\ndata: b\r\n\r\nid: 2\n\ndata: c\n\ndata: lost',
  )
  for (let at = 0; at <= bytes.length; at++) {
    async function* pieces() {
      yield bytes.subarray(0, at)
      yield bytes.subarray(at)
    }
    const read = await Array.fromAsync(readEventStream(pieces()))
    assert.deepEqual(
      read,
      [
        { id: '1', event: 'a', data: 'ä\nb' },
        { id: '2', event: 'message', data: '' },
        { id: undefined, event: 'message', data: 'c' },
      ],
      `cut at ${at}`,
    )
  }
})

test('an upload goes on from where it broke off', async () => {
  const content = Buffer.alloc(300_000, 'x')
  let kept = Buffer.alloc(0)
  const url = await serve((request, response, count) => {
    if (request.method === 'HEAD') return response.writeHead(200, { 'upload-offset': String(kept.length) }).end()
    assert.equal(Number(request.headers['upload-offset']), kept.length)
    request.on('data', (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk])
      if (count === 2 && kept.length > 100_000) request.socket.destroy()
    })
    request.on('end', () => response.writeHead(204).end())
  })
  const sent: number[] = []
  await uploadByTus(createClient({ url }), {
    path: '/v1/image-uploads/x',
    size_bytes: content.length,
    async *read(offset) {
      for (let at = offset; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536)
    },
    on_progress: bytes => sent.push(bytes),
  })
  assert.equal(kept.length, content.length)
  assert.equal(sent.at(-1), content.length)
})

test('another file than the one that an upload was begun with is not sent after it', async () => {
  const methods: string[] = []
  const url = await serve((request, response) => {
    methods.push(String(request.method))
    response.writeHead(200, { 'upload-offset': '5000', 'upload-length': '300000' }).end()
  })
  const path = '/v1/image-uploads/x'
  // As long as what has arrived already, it would else be taken for sent.
  const sent = uploadByTus(createClient({ url }), { path, size_bytes: 5000, piece: async () => new Uint8Array(1) })
  await assert.rejects(sent, { name: 'OtherSize', expected_bytes: 300_000, size_bytes: 5000 })
  assert.deepEqual(methods, ['HEAD'])
})

test('an upload waits for a proxy whose controller is away', async () => {
  let length = 0
  const url = await serve((request, response, count) => {
    if (count === 1) return response.writeHead(502).end()
    if (request.method === 'HEAD') return response.writeHead(200, { 'upload-offset': String(length) }).end()
    request.on('data', (chunk: Buffer) => (length += chunk.length))
    request.on('end', () => response.writeHead(204).end())
  })
  const piece = async () => new Uint8Array(1000)
  await uploadByTus(createClient({ url }), { path: '/v1/image-uploads/x', size_bytes: 1000, piece })
  assert.equal(length, 1000)
})
