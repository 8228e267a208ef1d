/** Downloads from servers on loopback that break off, lie, redirect and stall. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import {
  download,
  DownloadError,
  type DownloadErrorCode,
  type DownloadOptions,
} from '../../../src/lib/download/index.ts'

// Pieces are much larger than what a stream holds back: what it holds when a connection breaks is lost.
const piece_bytes = 1_000_000
const content = Buffer.alloc(3 * piece_bytes, 'all the bytes of an image, in order; ')
const sha256 = createHash('sha256').update(content).digest('hex')
let dir = ''

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'download-'))
})
after(() => rm(dir, { recursive: true, force: true }))

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void

async function serve(t: TestContext, handler: Handler): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response, requests.length)
  })
  server.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/image`, requests }
}

let names = 0
function options(change: Partial<DownloadOptions> = {}): DownloadOptions & { waits: number[] } {
  const waits: number[] = []
  const clock = { sleep: async (ms: number) => void waits.push(ms) }
  const dest = join(dir, `file-${names++}`)
  return { dest, max_bytes: 10_000_000, allow_private: true, clock, random: () => 1, ...change, waits }
}

async function fails(url: string, with_options: DownloadOptions, code: DownloadErrorCode): Promise<DownloadError> {
  const error = await download(url, with_options).then(
    () => assert.fail('it was accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof DownloadError, String(error))
  assert.equal(error.code, code, error.message)
  const name = with_options.dest.slice(dir.length + 1)
  assert.deepEqual(
    (await readdir(dir)).filter(one => one.startsWith(name)),
    [],
    'nothing is left behind',
  )
  return error
}

/** Serves ranges as RFC 9110 has it, breaking off after `piece` bytes. */
function breaking(piece: number, etag: (count: number) => string | undefined): Handler {
  return (request, response, count) => {
    const tag = etag(count)
    const isSame = tag !== undefined && request.headers['if-range'] === tag
    const from = isSame ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0
    const rest = content.subarray(from)
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(tag === undefined ? {} : { etag: tag }),
      ...(from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
    })
    response.write(rest.subarray(0, piece), () => (rest.length > piece ? response.socket?.end() : response.end()))
  }
}

void test('fetches, hashes, reports progress, puts in place', async t => {
  const { url } = await serve(t, (_, response) => response.end(content))
  const seen: number[] = []
  const asked = options({ expected_sha256: sha256.toUpperCase(), on_progress: now => seen.push(now.received_bytes) })
  const result = await download(url, asked)
  assert.deepEqual(result, { path: asked.dest, size_bytes: content.length, sha256, attempts: 1 })
  assert.deepEqual(await readFile(asked.dest), content)
  assert.equal(seen.at(-1), content.length)
})

void test('goes on where the connection broke, while the file is the same', async t => {
  const { url, requests } = await serve(
    t,
    breaking(piece_bytes, () => '"v1"'),
  )
  const asked = options()
  const result = await download(url, asked)
  assert.equal(result.sha256, sha256)
  assert.equal(result.attempts, requests.length)
  assert.ok(result.attempts >= 3)
  assert.equal(requests[1]?.headers['if-range'], '"v1"')
  assert.deepEqual(await readFile(asked.dest), content)
})

void test('begins anew where the file changed meanwhile, or cannot be told apart', async t => {
  const changing = await serve(t, (request, response, count) =>
    breaking(count < 3 ? piece_bytes : content.length, () => `"v${count}"`)(request, response, count),
  )
  assert.equal((await download(changing.url, options())).sha256, sha256)
  assert.equal(changing.requests.length, 3)
  for (const tag of [undefined, 'W/"weak"']) {
    const nameless = await serve(t, (request, response, count) =>
      breaking(count < 3 ? piece_bytes : content.length, () => tag)(request, response, count),
    )
    assert.equal((await download(nameless.url, options())).sha256, sha256)
    assert.equal(nameless.requests[2]?.headers.range, undefined)
  }
})

void test('a continuation at the wrong place is not joined', async t => {
  const { url, requests } = await serve(t, (request, response, count) => {
    if (count !== 2) return breaking(count === 1 ? piece_bytes : content.length, () => '"v1"')(request, response, count)
    response.writeHead(206, { etag: '"v1"', 'content-range': `bytes 7-${content.length - 1}/${content.length}` })
    response.end(content.subarray(7))
  })
  assert.equal((await download(url, options())).sha256, sha256)
  assert.equal(requests.length, 3)
})

void test('waits longer each time, as long as the server asks, and gives up', async t => {
  const { url } = await serve(t, (_, response, count) => {
    response.writeHead(503, count === 2 ? { 'retry-after': '7' } : {}).end()
  })
  const asked = options({ retries: 4 })
  const error = await fails(url, asked, 'connection_failed')
  assert.deepEqual(asked.waits, [1000, 7000, 4000, 8000])
  assert.match(error.message, /failed 5 times.*503/)
})

void test('a refusal by the server is not tried again', async t => {
  const { url, requests } = await serve(t, (_, response) => response.writeHead(404).end())
  await fails(url, options(), 'http_status')
  assert.equal(requests.length, 1)
})

void test('too large: by the length told, and by the bytes that come', async t => {
  const told = await serve(t, (_, response) => response.writeHead(200, { 'content-length': 50_000_000 }).write('x'))
  await fails(told.url, options(), 'too_large')
  const endless = await serve(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(content));
    }
    response.on('drain', more)
    more()
  })
  await fails(endless.url, options(), 'too_large')
})

void test('a server that promises more than it sends is not believed', async t => {
  const { url, requests } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': content.length + 5 })
    response.write(content, () => response.socket?.end())
  })
  await fails(url, options({ retries: 0 }), 'connection_failed')
  assert.equal(requests.length > 0, true)
})

void test('a wrong checksum leaves nothing', async t => {
  const { url } = await serve(t, (_, response) => response.end(content))
  await fails(url, options({ expected_sha256: '00'.repeat(32) }), 'checksum_mismatch')
})

void test('silence ends the try', async t => {
  const { url, requests } = await serve(t, (_, response, count) => {
    if (count === 1) return response.writeHead(200, { etag: '"v1"', 'content-length': content.length }).write('al')
    if (count === 2) return
    return response.end(content)
  })
  // On a busy machine an answer that does come may count as silence, too.
  assert.equal((await download(url, options({ stall_timeout_ms: 250, retries: 20 }))).sha256, sha256)
  assert.equal(requests.length >= 3, true)
})

void test('redirects are followed, but not forever, and not to other protocols', async t => {
  const { url } = await serve(t, (request, response) => {
    const path = request.url ?? ''
    if (path === '/image') response.writeHead(302, { location: '/elsewhere' }).end()
    else if (path === '/round') response.writeHead(301, { location: '/round' }).end()
    else if (path === '/file') response.writeHead(302, { location: 'file:///etc/shadow' }).end()
    else response.end(content)
  })
  assert.equal((await download(url, options())).sha256, sha256)
  await fails(new URL('/round', url).href, options(), 'too_many_redirects')
  await fails(new URL('/file', url).href, options(), 'bad_url')
  await fails('ftp://example.org/image', options(), 'bad_url')
  await fails('no url', options(), 'bad_url')
})

void test('private addresses are refused however they are spelt, without a connection', async t => {
  let connections = 0
  const server = createTcpServer(socket => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const hosts = [
    '127.0.0.1',
    'localhost',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '10.0.0.1',
  ]
  for (const host of [...hosts, '169.254.169.254', '[fe80::1]', '0.0.0.0']) {
    await fails(`http://${host}:${port}/`, options({ allow_private: false }), 'address_refused')
    await fails(`https://${host}:${port}/`, options({ allow_private: false }), 'address_refused')
  }
  assert.equal(connections, 0)
})

void test('aborting ends it at once and leaves nothing', async t => {
  const { url } = await serve(t, (_, response) =>
    response.writeHead(200, { 'content-length': 5_000_000 }).write(content),
  )
  const stop = new AbortController()
  const asked = options({ signal: stop.signal, on_progress: () => stop.abort(new Error('enough')) })
  await assert.rejects(download(url, asked), { message: 'enough' })
  assert.equal(
    (await readdir(dir)).some(name => asked.dest.endsWith(name)),
    false,
  )
})
