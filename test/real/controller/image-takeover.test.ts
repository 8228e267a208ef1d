/** Controllers as processes, killed with kill -9 while they fetch or receive an image: what was under way goes on. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { type ControllerProcess, startControllerProcess } from '../../support/controller-process.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { scratch } from '../../support/scratch.ts'

const run = promisify(execFile)
let dir = ''
let database: TestDatabase
let client: pg.Client
const started: ControllerProcess[] = []

describe('controller/image-takeover', () => {
  before(async () => {
    dir = await scratch('croft-takeover')
    database = await testDatabase()
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
  })
  after(async () => {
    for (const one of started) await one.kill()
    await client.end()
    await database.drop()
    await rm(dir, { recursive: true })
  })

  async function startController(state: string): Promise<ControllerProcess> {
    const controller = await startControllerProcess(database.url, state)
    started.push(controller)
    return controller
  }

  /** Another controller on the same image store, which is one folder for all of them. */
  async function sharedState(first: string, name: string): Promise<string> {
    const state = join(dir, name)
    await mkdir(state)
    for (const shared of ['images', 'seal.key']) await symlink(join(first, shared), join(state, shared))
    return state
  }

  interface Answer {
    status: number
    headers: Headers
    body: Record<string, unknown>
  }

  let token = ''

  async function ask(url: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
    const isBytes = Buffer.isBuffer(body)
    const answer = await fetch(url + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && !isBytes && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text ? (JSON.parse(text) as Answer['body']) : {} }
  }

  async function signIn(url: string, state: string): Promise<void> {
    const password = (await readFile(join(state, 'first-password'), 'utf8')).trim()
    const { status, body } = await ask(url, 'POST', '/v1/sign-in', { user: 'admin', password })
    assert.equal(status, 201, JSON.stringify(body))
    token = String(body.token)
  }

  /** The image once its operation has ended: the API's own wait. */
  async function ended(url: string, made: Answer): Promise<Record<string, unknown>> {
    const { image, operation } = made.body as Record<string, { id: string }>
    const waited = await ask(url, 'GET', `/v1/operations/${operation?.id}`, undefined, { prefer: 'wait=60' })
    assert.notEqual(waited.body.ended_at, null, JSON.stringify(waited.body))
    return (await ask(url, 'GET', `/v1/images/${image?.id}`)).body
  }

  /** The lease of a dead controller has run out: as after twenty seconds. */
  async function leasesRunOut(): Promise<void> {
    await client.query("update image set lease_until = croft_now() - interval '1 second' where lease_until is not null")
    await client.query("select pg_notify('croft_work', '')")
  }

  async function qcow2(): Promise<Buffer> {
    const raw = join(dir, 'disk.raw')
    await writeFile(raw, randomBytes(1024 * 1024))
    await truncate(raw, 4 * 1024 * 1024)
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, join(dir, 'disk.qcow2')])
    return await readFile(join(dir, 'disk.qcow2'))
  }

  void test('fetches and uploads survive their controller', { timeout: 120_000 }, async t => {
    const content = await qcow2()
    const sum = createHash('sha256').update(content).digest('hex')
    const halfSent = Promise.withResolvers<void>()
    let requests = 0
    // Half of the image and then silence, until a second controller asks.
    const site = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-length': content.length })
      if (++requests > 1) response.end(content)
      else response.write(content.subarray(0, content.length / 2), () => halfSent.resolve())
    })
    site.listen(0, '127.0.0.1')
    await once(site, 'listening')
    t.after(() => {
      site.closeAllConnections()
      site.close()
    })
    const state = join(dir, 'one')
    let one = await startController(state)
    await signIn(one.url, state)
    await ask(one.url, 'PUT', '/v1/settings/image.download_private_addresses', { value: true })
    const source_url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
    const fetched = await ask(one.url, 'POST', '/v1/images', { name: 'fetched', source_url, sha256: sum })
    assert.equal(fetched.status, 202, JSON.stringify(fetched.body))
    await halfSent.promise

    await one.kill()
    // The same controller again: what it held itself it takes up at once.
    one = await startController(state)
    const first = await ended(one.url, fetched)
    assert.equal(first.status, 'ready', String(first.failure))
    assert.equal(requests, 2)

    const made = await ask(one.url, 'POST', '/v1/images', { name: 'sent', size_bytes: content.length, sha256: sum })
    const path = String(made.body.upload_url)
    const half = Math.floor(content.length / 2)
    const tus = { 'tus-resumable': '1.0.0', 'content-type': 'application/offset+octet-stream' }
    const part = await ask(one.url, 'PATCH', path, content.subarray(0, half), { ...tus, 'upload-offset': '0' })
    assert.equal(part.status, 204)
    const two = await startController(await sharedState(state, 'two'))
    await stall(one.url + path, content, half, tus)
    await one.kill()
    await leasesRunOut()
    const head = await ask(two.url, 'HEAD', path, undefined, { 'tus-resumable': '1.0.0' })
    const offset = Number(head.headers.get('upload-offset'))
    assert.ok(offset >= half && offset < content.length, `offset ${offset}`)
    const rest = await ask(two.url, 'PATCH', path, content.subarray(offset), {
      ...tus,
      'upload-offset': String(offset),
    })
    assert.equal(rest.status, 204, JSON.stringify(rest.body))
    const second = await ended(two.url, made)
    assert.equal(second.status, 'ready', String(second.failure))
  })

  /** Leaves a connection open in the middle of a piece. */
  async function stall(url: string, content: Buffer, from: number, headers: Record<string, string>): Promise<void> {
    const request = http.request(url, {
      method: 'PATCH',
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        'upload-offset': String(from),
        'content-length': String(content.length - from),
      },
    })
    request.on('error', () => undefined)
    await new Promise(resolve => request.write(content.subarray(from, from + 1000), resolve))
  }

  void test('a full disk fails what cannot go on, clearly, and keeps what can', { timeout: 120_000 }, async t => {
    const state = join(dir, 'small')
    const images = join(state, 'images')
    await mkdir(join(images, 'incoming'), { recursive: true })
    const mount = ['sh', '-c', 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"', images]
    const own = await testDatabase()
    const small = await startControllerProcess(own.url, state, ['unshare', '--mount', ...mount])
    t.after(() => small.kill().then(() => own.drop()))
    token = ''
    await signIn(small.url, state)
    await ask(small.url, 'PUT', '/v1/settings/image.download_private_addresses', { value: true })
    const big = randomBytes(8 * 1024 * 1024)
    const site = http.createServer((_request, response) => response.end(big))
    site.listen(0, '127.0.0.1')
    await once(site, 'listening')
    t.after(() => site.close())

    const source_url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
    const fetched = await ended(small.url, await ask(small.url, 'POST', '/v1/images', { name: 'fetched', source_url }))
    assert.equal(fetched.status, 'failed')
    assert.match(String(fetched.failure), /no room/)

    // Fits as it comes, but not beside its converted copy; there is room for it only because the fetch left nothing.
    const disk = join(dir, 'wide.raw')
    await writeFile(disk, randomBytes(3 * 1024 * 1024))
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', disk, join(dir, 'wide.qcow2')])
    const wide = await readFile(join(dir, 'wide.qcow2'))
    const bytes = { 'content-type': 'application/octet-stream' }
    const made = await ask(small.url, 'POST', '/v1/images', { name: 'wide' })
    const { id } = made.body.image as { id: string }
    const put = await ask(small.url, 'PUT', `/v1/images/${id}/content`, wide, bytes)
    assert.equal(put.status, 200, JSON.stringify(put.body))
    const refused = await ended(small.url, made)
    assert.equal(refused.status, 'failed')
    assert.match(String(refused.failure), /disk is full|no room/i)

    const sent = await ask(small.url, 'POST', '/v1/images', { name: 'sent' })
    const image = sent.body.image as { id: string }
    const full = await ask(small.url, 'PUT', `/v1/images/${image.id}/content`, big, bytes)
    assert.equal(full.status, 507, JSON.stringify(full.body))
    assert.equal(full.body.code, 'storage_full')
    assert.equal((await ask(small.url, 'GET', `/v1/images/${image.id}`)).body.status, 'waiting')
  })
})
