/** Images over real HTTP: uploads that break and go on, fetches, and everything hostile refused with nothing left behind. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { watch } from 'node:fs'
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { promisify } from 'node:util'
import { imageRoutes } from '../../../src/api/image.ts'
import { tidyImages } from '../../../src/controller/reconcilers/image.ts'
import { eventually } from '../../support/eventually.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { scratch } from '../../support/scratch.ts'

const run = promisify(execFile)
const mib = 1024 * 1024
let dir = ''
let cloud: TestCloud
let url = ''

describe('controller/image', () => {
  before(async () => {
    dir = await scratch('croft-image-test')
    cloud = await testCloud()
    url = await cloud.server.listen({ host: '127.0.0.1', port: 0 })
  })
  after(async () => {
    await cloud.close()
    await rm(dir, { recursive: true })
  })

  interface Sent {
    status: number
    headers: Headers
    body: Record<string, unknown>
  }

  async function send(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: Buffer | null,
    token = cloud.admin,
  ): Promise<Sent> {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body && { body: new Uint8Array(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text ? (JSON.parse(text) as Sent['body']) : {} }
  }

  interface ImageSeen {
    id: string
    status: string
    failure: string | null
    [key: string]: unknown
  }

  async function create(body: Record<string, unknown>): Promise<ImageSeen> {
    const { status, body: made } = await cloud.request('POST', '/v1/images', { body })
    assert.equal(status, 202, JSON.stringify(made))
    return made.image as ImageSeen
  }

  /** The image once nothing is done with it any more, by the event of its operation's end. */
  async function settled(id: string): Promise<ImageSeen> {
    const done = Promise.withResolvers<ImageSeen>()
    const look = async () => {
      const seen = await cloud.call(imageRoutes.get, { params: { image: id } })
      if (seen.status === 'ready' || seen.status === 'failed') done.resolve(seen)
    }
    const unwatch = cloud.cloud.events.watch(events => {
      if (events.some(one => one.resource_id === id)) look().catch(done.reject)
    })
    await look()
    return await done.promise.finally(unwatch)
  }

  const tus = { 'tus-resumable': '1.0.0' }

  async function patch(id: string, offset: number, bytes: Buffer, more: Record<string, string> = {}): Promise<Sent> {
    return await send(
      'PATCH',
      `/v1/image-uploads/${id}`,
      { ...tus, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream', ...more },
      bytes,
    )
  }

  /** Files in the store that belong to an image. */
  async function filesOf(id: string): Promise<string[]> {
    const { folder } = cloud.cloud.images
    const names = [...(await readdir(folder)), ...(await readdir(join(folder, 'incoming')).catch(() => []))]
    return names.filter(name => name.startsWith(id))
  }

  async function qcow2(name: string, size = '8M'): Promise<Buffer> {
    const raw = join(dir, `${name}.raw`)
    await writeFile(raw, randomBytes(mib))
    await truncate(raw, 8 * mib)
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, join(dir, name)])
    if (size !== '8M') await run('qemu-img', ['resize', join(dir, name), size])
    return await readFile(join(dir, name))
  }

  function sha256(bytes: Buffer): string {
    return createHash('sha256').update(bytes).digest('hex')
  }

  void test('one PATCH without more gives an image its content, which is checked and kept', async () => {
    const content = await qcow2('plain')
    const made = await create({
      name: 'plain',
      size_bytes: content.length,
      sha256: sha256(content),
      visibility: 'public',
    })
    assert.equal(made.status, 'waiting')
    const sent = await patch(made.id, 0, content)
    assert.equal(sent.status, 204, JSON.stringify(sent.body))
    assert.equal(sent.headers.get('upload-offset'), String(content.length))
    const ready = await settled(made.id)
    assert.equal(ready.status, 'ready', String(ready.failure))
    assert.equal(ready.virtual_size_bytes, 8 * mib)
    assert.equal(ready.format, 'qcow2')
    await storeShows(async () => String(await filesOf(made.id)) === `${made.id}.qcow2`)
    const kept = await readFile(join(cloud.cloud.images.folder, `${made.id}.qcow2`))
    assert.equal(ready.sha256, sha256(kept))
    assert.equal(ready.size_bytes, kept.length)
    await writeFile(join(dir, 'kept.qcow2'), kept)
    await run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', join(dir, 'plain'), join(dir, 'kept.qcow2')])
  })

  void test('an upload whose connection breaks goes on where it stopped', async () => {
    const content = await qcow2('broken')
    const made = await create({ name: 'broken', sha256: sha256(content) })
    const half = Math.floor(content.length / 2)
    const begun = await send('POST', '/v1/image-uploads', {
      ...tus,
      'upload-length': String(content.length),
      'upload-metadata': `image_id ${Buffer.from(made.id).toString('base64')}`,
    })
    assert.equal(begun.status, 201)
    assert.equal(begun.headers.get('location'), `/v1/image-uploads/${made.id}`)
    await sendPart(made.id, content, half)
    const head = await send('HEAD', `/v1/image-uploads/${made.id}`, tus)
    assert.equal(head.status, 200)
    const offset = Number(head.headers.get('upload-offset'))
    assert.ok(offset <= half)
    assert.equal(head.headers.get('upload-length'), String(content.length))
    const wrong = await patch(made.id, offset + 1, content.subarray(offset + 1))
    assert.equal(wrong.status, 409)
    assert.equal(wrong.body.code, 'conflict')
    assert.equal(wrong.headers.get('tus-resumable'), '1.0.0')
    const rest = await patch(made.id, offset, content.subarray(offset))
    assert.equal(rest.status, 204, JSON.stringify(rest.body))
    assert.equal((await settled(made.id)).status, 'ready')
    // The answer to the last piece may have been lost: the sender asks, and learns that all is here.
    const after = await send('HEAD', `/v1/image-uploads/${made.id}`, tus)
    assert.equal(after.headers.get('upload-offset'), String(content.length))
  })

  /** Announces all that is left, sends up to `end`, and hangs up. */
  async function sendPart(
    id: string,
    content: Buffer,
    end: number,
    from = 0,
    base = url,
    token = cloud.admin,
  ): Promise<void> {
    const request = http.request(`${base}/v1/image-uploads/${id}`, {
      method: 'PATCH',
      headers: {
        ...tus,
        authorization: `Bearer ${token}`,
        'upload-offset': String(from),
        'content-type': 'application/offset+octet-stream',
        'content-length': String(content.length - from),
      },
    })
    const closed = new Promise<void>(resolve => request.once('close', resolve))
    request.on('error', () => undefined)
    request.write(content.subarray(from, end), () => request.socket?.end())
    await closed
  }

  void test('a sender who comes back takes over from its own dead connection', async () => {
    const content = await qcow2('twice')
    const made = await create({ name: 'twice', size_bytes: content.length })
    const half = Math.floor(content.length / 2)
    const stuck = http.request(`${url}/v1/image-uploads/${made.id}`, {
      method: 'PATCH',
      headers: {
        ...tus,
        authorization: `Bearer ${cloud.admin}`,
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': String(content.length),
      },
    })
    stuck.on('error', () => undefined)
    await new Promise(resolve => stuck.write(content.subarray(0, half), resolve))
    await storeShows(() => filesOf(made.id).then(files => files.length > 0))
    const head = await send('HEAD', `/v1/image-uploads/${made.id}`, tus)
    const offset = Number(head.headers.get('upload-offset'))
    assert.ok(offset <= half)
    assert.equal((await patch(made.id, offset, content.subarray(offset))).status, 204)
    assert.equal((await settled(made.id)).status, 'ready')
    stuck.destroy()
  })

  /** Resolves when what lies in the store under way is as it should be: no event of the API tells. */
  async function storeShows(look: () => Promise<boolean>): Promise<void> {
    const incoming = join(cloud.cloud.images.folder, 'incoming')
    await mkdir(incoming, { recursive: true })
    const shown = Promise.withResolvers<void>()
    const check = () => {
      look().then(isSo => isSo && shown.resolve(), shown.reject)
    }
    const watcher = watch(incoming, check)
    const timer = setTimeout(() => shown.reject(new Error('the store never came to show it')), 20_000)
    check()
    await shown.promise.finally(() => {
      watcher.close()
      clearTimeout(timer)
    })
  }

  void test('PUT takes the whole content in one request', async () => {
    const content = await qcow2('put')
    const made = await create({ name: 'put' })
    const path = `/v1/images/${made.id}/content`
    const bytes = { 'content-type': 'application/octet-stream' }
    assert.equal((await send('PUT', path, { 'content-type': 'text/plain' }, content)).status, 415)
    const chunked = await fetch(url + path, {
      method: 'PUT',
      headers: { authorization: `Bearer ${cloud.admin}`, ...bytes },
      body: new Blob([new Uint8Array(content)]).stream(),
      duplex: 'half',
    })
    assert.equal(chunked.status, 400)
    const sent = await send('PUT', path, bytes, content)
    assert.equal(sent.status, 200, JSON.stringify(sent.body))
    assert.equal((await settled(made.id)).status, 'ready')
    const again = await send('PUT', path, bytes, content)
    assert.equal(again.status, 409)
    assert.equal(again.body.code, 'wrong_state')
  })

  void test('more bytes than the setting allows are refused, and the answer names the limit', async t => {
    await setting('image.bytes_max', 100_000)
    t.after(() => setting('image.bytes_max', 100 * 1024 ** 3))
    const big = Buffer.alloc(200_000)
    const announced = await cloud.request('POST', '/v1/images', { body: { name: 'big', size_bytes: big.length } })
    assert.equal(announced.status, 413)
    const made = await create({ name: 'big' })
    for (const sent of [
      await send('PUT', `/v1/images/${made.id}/content`, { 'content-type': 'application/octet-stream' }, big),
      await patch(made.id, 0, big, { 'upload-length': String(big.length) }),
      await patch(made.id, 0, big),
    ]) {
      assert.equal(sent.status, 413, JSON.stringify(sent.body))
      assert.match(String(sent.body.detail), /100000/)
      assert.equal(sent.body.limit_bytes, 100_000)
    }
    const short = await create({ name: 'short', size_bytes: 1000 })
    assert.equal((await patch(short.id, 0, big.subarray(0, 1001))).status, 413)
  })

  async function setting(name: string, value: unknown): Promise<void> {
    const { status, body } = await cloud.request('PUT', `/v1/settings/${name}`, { body: { value } })
    assert.equal(status, 200, JSON.stringify(body))
    await cloud.cloud.settings.read(cloud.cloud.database.db)
  }

  interface Served {
    url: string
    requests: number
    close(): void
  }

  async function serve(answer: http.RequestListener): Promise<Served> {
    const server = http.createServer((request, response) => {
      served.requests++
      answer(request, response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const served: Served = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      requests: 0,
      close: () => {
        server.closeAllConnections()
        server.close()
      },
    }
    return served
  }

  void test('images are fetched, through redirects, but from private addresses only when that is allowed', async t => {
    const content = await qcow2('fetched')
    const site = await serve((request, response) => {
      if (request.url === '/moved') return response.writeHead(302, { location: '/image' }).end()
      return response.end(request.url === '/page' ? '<html>Sign in</html>' : content)
    })
    t.after(site.close)
    const refused = await settled((await create({ name: 'inside', source_url: `${site.url}/image` })).id)
    assert.equal(refused.status, 'failed')
    assert.match(String(refused.failure), /127\.0\.0\.1 is not a public address/)
    assert.equal(site.requests, 0)

    await setting('image.download_private_addresses', true)
    t.after(() => setting('image.download_private_addresses', false))
    const { body, status } = await cloud.request('POST', '/v1/images', {
      body: { name: 'fetched', source_url: `${site.url}/moved`, sha256: sha256(content), properties: { os: 'debian' } },
      headers: { prefer: 'wait=60' },
    })
    assert.equal(status, 202, JSON.stringify(body))
    assert.equal((body.operation as { state: string }).state, 'succeeded', JSON.stringify(body))
    const ready = body.image as ImageSeen
    assert.equal(ready.status, 'ready')
    await storeShows(async () => String(await filesOf(ready.id)) === `${ready.id}.qcow2`)

    const cases = [
      { asked: { source_url: `${site.url}/image`, sha256: 'a'.repeat(64) }, says: /checksum/ },
      { asked: { source_url: `${site.url}/page` }, says: /no disk image/ },
    ]
    for (const { asked, says } of cases) {
      const failed = await settled((await create({ name: 'bad', ...asked })).id)
      assert.equal(failed.status, 'failed')
      assert.match(String(failed.failure), says)
      await storeShows(() => filesOf(failed.id).then(files => files.length === 0))
    }
    await setting('image.bytes_max', 1000)
    t.after(() => setting('image.bytes_max', 100 * 1024 ** 3))
    const large = await settled((await create({ name: 'large', source_url: `${site.url}/image` })).id)
    assert.match(String(large.failure), /larger than the 1000 bytes/)
  })

  /** Files that lie, and what the refusal must say. */
  async function hostile(): Promise<[string, Buffer, RegExp][]> {
    const at = (name: string) => join(dir, name)
    const make = (...argv: string[]) => run('qemu-img', ['create', '-q', ...argv])
    await writeFile(at('secret'), Buffer.alloc(mib, 'secret'))
    await make('-f', 'qcow2', '-b', at('secret'), '-F', 'raw', at('backing'))
    await make('-f', 'qcow2', '-o', `data_file=${at('data')},data_file_raw=on`, at('external'), '1M')
    await make('-f', 'vmdk', '-o', 'subformat=monolithicFlat', at('flat.vmdk'), '1M')
    await make('-f', 'qcow2', at('huge'), '1P')
    const whole = await qcow2('whole')
    return [
      ['backing file', await readFile(at('backing')), /backing file/i],
      ['data file', await readFile(at('external')), /data/i],
      ['vmdk descriptor', await readFile(at('flat.vmdk')), /descriptor/],
      ['absurd size', await readFile(at('huge')), /at most/],
      ['truncated', whole.subarray(0, mib - 1000), /damaged|not copied whole|not a sound/],
      ['gzip', gzipSync(whole), /gzip/],
      ['random bytes', randomBytes(100_000), /no disk image/],
      ['a few bytes', Buffer.from('QFI'), /no disk image|not a sound|malformed/],
    ]
  }

  void test('hostile images are refused, each with its reason, and nothing is left of them', async () => {
    for (const [name, content, says] of await hostile()) {
      const made = await create({ name, size_bytes: content.length })
      assert.equal((await patch(made.id, 0, content)).status, 204, name)
      const failed = await settled(made.id)
      assert.equal(failed.status, 'failed', name)
      assert.match(String(failed.failure), says, name)
      await storeShows(() => filesOf(made.id).then(files => files.length === 0))
      const { body } = await cloud.request('GET', `/v1/operations?resource_id=${made.id}`)
      assert.equal(body.items?.[0]?.state, 'failed')
      assert.equal(body.items?.[0]?.reason, failed.failure)
    }
  })

  void test('what was announced must be what comes', async () => {
    const content = await qcow2('sum')
    const made = await create({ name: 'sum', size_bytes: content.length, sha256: 'b'.repeat(64) })
    await patch(made.id, 0, content)
    assert.match(String((await settled(made.id)).failure), /SHA-256/)
  })

  void test('names, properties, protection and visibility change; the version guards them', async () => {
    const { id } = await create({ name: 'changing', properties: { disk_bus: 'sata' } })
    const path = `/v1/images/${id}`
    const first = await cloud.request('GET', path)
    assert.equal(first.headers.etag, `"${String(first.body.version)}"`)
    const changed = await cloud.request('PATCH', path, {
      body: { name: 'changed', protected: true, min_disk_gib: 2, properties: { disk_bus: 'scsi', user: 'debian' } },
      headers: { 'if-match': String(first.headers.etag) },
    })
    assert.equal(changed.status, 200, JSON.stringify(changed.body))
    assert.deepEqual(changed.body.properties, { disk_bus: 'scsi', user: 'debian' })
    const stale = await cloud.request('PATCH', path, {
      body: { name: 'x' },
      headers: { 'if-match': String(first.headers.etag) },
    })
    assert.equal(stale.status, 412)
    for (const properties of [{ disk_bus: 'floppy' }, { colour: 'red' }, { cpu_flags: 'AVX 2' }, { user: 'Root!' }]) {
      assert.equal(
        (await cloud.request('PATCH', path, { body: { properties } })).status,
        422,
        JSON.stringify(properties),
      )
    }
    const refused = await cloud.request('DELETE', path)
    assert.equal(refused.status, 409)
    assert.match(String(refused.body.detail), /protected/)
    await cloud.request('PATCH', path, { body: { protected: false } })
    assert.equal((await cloud.request('DELETE', path)).status, 204)
    assert.equal((await cloud.request('GET', path)).status, 404)
    const { body } = await cloud.request('GET', `/v1/operations?resource_id=${id}`)
    assert.equal(body.items?.[0]?.state, 'cancelled')
  })

  void test('bad addresses are refused when an image is made', async () => {
    const sha = { sha256: 'ABC' }
    for (const body of [
      { source_url: 'ftp://example.com/x' },
      { source_url: 'http://user:secret@example.com/x' },
      { source_url: 'https://' },
      { source_url: 'https://example.com/x', size_bytes: 5 },
      { ...sha },
      { name: '' },
      { colour: 'red' },
    ]) {
      assert.equal(
        (await cloud.request('POST', '/v1/images', { body: { name: 'x', ...body } })).status,
        422,
        JSON.stringify(body),
      )
    }
  })

  /** A user with a role in a project of its own. */
  async function other(role: string): Promise<{ token: string; project_id: string }> {
    const name = `other-${randomBytes(4).toString('hex')}`
    const project = await cloud.request('POST', '/v1/projects', { body: { name, domain_id: cloud.domain_id } })
    const user = await cloud.request('POST', '/v1/users', { body: { name, domain_id: cloud.domain_id } })
    const project_id = String(project.body.id)
    const grant = await cloud.request('POST', '/v1/role-grants', {
      body: { user_id: user.body.id, role, scope: 'project', project_id },
    })
    assert.equal(grant.status, 201, JSON.stringify([project.body, user.body, grant.body]))
    return { token: await cloud.tokenOf(String(user.body.id), project_id), project_id }
  }

  void test('what is private stays so, what is public can be used but not changed by others', async () => {
    const { token } = await other('member')
    const hidden = await create({ name: 'hidden', source_url: 'http://127.0.0.1:1/?secret' })
    const content = await qcow2('open')
    const open = await create({ name: 'open', visibility: 'public', size_bytes: content.length })
    const path = `/v1/images/${open.id}`
    const as = { token }
    // Not yet: nobody can use it before it is ready.
    assert.equal((await cloud.request('GET', path, as)).status, 404)
    await patch(open.id, 0, content)
    await settled(open.id)
    for (const [method, sub] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
    ] as const) {
      const asked = await cloud.request(method, `/v1/images/${hidden.id}${sub}`, {
        ...as,
        ...(method === 'PATCH' && { body: {} }),
      })
      assert.equal(asked.status, 404, method)
    }
    assert.equal((await send('HEAD', `/v1/image-uploads/${hidden.id}`, tus, null, token)).status, 404)
    assert.equal((await cloud.request('GET', path, as)).status, 200)
    assert.equal((await cloud.request('PATCH', path, { ...as, body: { name: 'mine' } })).status, 403)
    assert.equal((await cloud.request('DELETE', path, as)).status, 403)
    const seen = (await cloud.request('GET', '/v1/images', as)).body.items ?? []
    assert.ok(seen.some(one => one.id === open.id) && !seen.some(one => one.id === hidden.id))
    const published = await cloud.request('POST', '/v1/images', { ...as, body: { name: 'p', visibility: 'public' } })
    assert.equal(published.status, 403)
    const reader = await other('reader')
    assert.equal((await cloud.request('POST', '/v1/images', { token: reader.token, body: { name: 'r' } })).status, 403)
    assert.equal((await cloud.request('GET', '/v1/images', { token: null })).status, 401)
  })

  void test('the quota of images is exact under concurrent requests, and comes back with a deletion', async () => {
    const { token, project_id } = await other('member')
    await cloud.cloud.database.db
      .updateTable('quota')
      .set({ limit_value: 3 })
      .where('scope_id', '=', project_id)
      .where('resource', '=', 'images')
      .execute()
    const asked = () => cloud.request('POST', '/v1/images', { token, body: { name: 'one' } })
    const answers = await Promise.all(Array.from({ length: 8 }, asked))
    assert.equal(answers.filter(one => one.status === 202).length, 3)
    assert.ok(answers.filter(one => one.status !== 202).every(one => one.body.code === 'quota_exceeded'))
    const [made] = answers.filter(one => one.status === 202)
    await cloud.request('DELETE', `/v1/images/${(made?.body.image as ImageSeen).id}`, { token })
    assert.equal((await asked()).status, 202)
  })

  void test('a create asked twice with one Idempotency-Key makes one image', async () => {
    const headers = { 'idempotency-key': randomBytes(8).toString('hex') }
    const ask = () => cloud.request('POST', '/v1/images', { body: { name: 'once' }, headers })
    const [one, two] = await Promise.all([ask(), ask()])
    assert.deepEqual(one.body, two.body)
  })

  void test('a deleted image stays on disk until the last thing made from it is gone', async () => {
    const content = await qcow2('used')
    const { id } = await create({ name: 'used', size_bytes: content.length })
    await patch(id, 0, content)
    await settled(id)
    const { db } = cloud.cloud.database
    const volume_id = await insertVolume(id)
    const listed = await cloud.request('GET', `/v1/volumes?image_id=${id}`)
    assert.deepEqual(
      listed.body.items?.map(one => [one.id, one.image_id, one.host]),
      [[volume_id, id, 'h1']],
    )
    assert.equal((await cloud.request('GET', `/v1/volumes/${volume_id}`)).body.size_gib, 1)
    const { token } = await other('member')
    assert.equal((await cloud.request('GET', `/v1/volumes/${volume_id}`, { token })).status, 404)
    assert.equal((await cloud.request('DELETE', `/v1/images/${id}`)).status, 204)
    assert.equal((await cloud.request('GET', '/v1/images?name=used')).body.items?.length, 0)
    await storeShows(async () => String(await filesOf(id)) === `${id}.qcow2`)
    await tidied()
    assert.deepEqual(await filesOf(id), [`${id}.qcow2`])
    await db.deleteFrom('volume').where('id', '=', volume_id).execute()
    await tidied()
    // The cloud's own look may have come first: it takes away the file, and then the row.
    await eventually(async () => {
      assert.deepEqual(await filesOf(id), [])
      assert.equal((await db.selectFrom('image').select('id').where('id', '=', id).execute()).length, 0)
    })
  })

  async function tidied(): Promise<void> {
    await tidyImages(cloud.cloud)
  }

  async function insertVolume(image_id: string): Promise<string> {
    const { db } = cloud.cloud.database
    const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
    const [host_id, volume_id] = [crypto.randomUUID(), crypto.randomUUID()]
    await db
      .insertInto('host')
      .values({
        id: host_id,
        cluster_id: cluster.id,
        name: 'h1',
        machine_id: 'machine-1',
        certificate_sha256: randomBytes(32),
      })
      .execute()
    await db
      .insertInto('volume')
      .values({ id: volume_id, project_id: cloud.project_id, host_id, name: 'v', role: 'root', size_gib: 1, image_id })
      .execute()
    return volume_id
  }

  void test('what belongs to no image on its way is cleared from the store', async () => {
    const { id } = await create({ name: 'waiting' })
    const incoming = join(cloud.cloud.images.folder, 'incoming')
    const gone = crypto.randomUUID()
    for (const name of [id, gone, `${gone}.2.qcow2.77.new`]) await writeFile(join(incoming, name), 'x')
    await tidied()
    assert.deepEqual(await filesOf(id), [id])
    assert.deepEqual(await filesOf(gone), [])
  })

  void test('an upload whose last byte came just before the controller died is taken for whole', async () => {
    const content = await qcow2('unsaid')
    const { id } = await create({ name: 'unsaid', size_bytes: content.length })
    await writeFile(join(cloud.cloud.images.folder, 'incoming', id), content)
    await tidied()
    assert.equal((await settled(id)).status, 'ready')
  })
})
