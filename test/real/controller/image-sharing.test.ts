/** Who may use whose images, and images that are signed: over the API, with signatures that the real openssl made. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Value } from 'typebox/value'
import { imageRoutes } from '../../../src/api/image.ts'
import { instancePorts } from '../../../src/controller/store/instance-ports.ts'
import { wanted } from '../../../src/controller/store/wanted.ts'
import { WantedInstance, WantedPort } from '../../../src/protocol/wanted.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'
import { makeTeam, type Team } from './authorisation/things.ts'
import { scratch } from '../../support/scratch.ts'

const run = promisify(execFile)
const mib = 1024 * 1024
let cloud: TestCloud
let url = ''
let dir = ''
let ours: Team
let theirs: Team

describe('controller/image-sharing', () => {
  before(async () => {
    dir = await scratch('croft-signed')
    cloud = await testCloud()
    url = await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    await addHost(cloud, 'h1')
    const outside = { name: 'outside', kind: 'external', shared: true, physical_network: 'outside' }
    const network = await cloud.request('POST', '/v1/networks', { body: outside })
    const subnet = { name: 'outside', network_id: network.body.id, cidr: '198.51.100.0/24' }
    assert.equal((await cloud.request('POST', '/v1/subnets', { body: subnet })).status, 201)
    ours = await makeTeam(cloud, 'ours', 1)
    theirs = await makeTeam(cloud, 'theirs', 2)
    const raw = join(dir, 'raw')
    await writeFile(raw, randomBytes(mib))
    await truncate(raw, 4 * mib)
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, join(dir, 'disk')])
  })
  after(async () => {
    await cloud.close()
    await rm(dir, { recursive: true })
  })

  const as = (team: Team) => ({
    ask: async (method: string, path: string, body?: object) =>
      cloud.request(method, path, { token: team.member, ...(body && { body }) }),
    async lists(id: string, query = ''): Promise<boolean> {
      const { body } = await this.ask('GET', `/v1/images${query}`)
      return (body.items ?? []).some(one => one.id === id)
    },
    async boots(id: string): Promise<number> {
      const { flavor, network } = team.things
      const body = { name: 'vm', flavor_id: flavor, image_id: id, networks: [{ network_id: network }] }
      return (await this.ask('POST', '/v1/instances', body)).status
    },
  })

  void test('an image is used by those it is shared with, listed where it was accepted, and no more when that ends', async () => {
    const [we, they] = [as(ours), as(theirs)]
    const id = String(ours.things.image)
    const path = `/v1/images/${id}`
    assert.deepEqual([(await they.ask('GET', path)).status, await they.boots(id)], [404, 404])
    const project_id = theirs.things.project
    const shared = await we.ask('POST', `${path}/members`, { project_id })
    assert.equal(shared.status, 201, JSON.stringify(shared.body))
    assert.equal(shared.body.status, 'pending')
    assert.equal((await we.ask('POST', `${path}/members`, { project_id })).status, 409)
    assert.equal((await we.ask('POST', `${path}/members`, { project_id: crypto.randomUUID() })).status, 404)
    assert.equal((await we.ask('GET', path)).body.visibility, 'shared')
    assert.equal((await they.ask('GET', path)).status, 200)
    assert.ok(!(await they.lists(id)))
    assert.ok(await they.lists(id, '?member_status=pending'))
    assert.equal(await they.boots(id), 202)
    assert.equal((await they.ask('PATCH', path, { name: 'mine' })).status, 403)
    assert.equal((await they.ask('POST', `${path}/members`, { project_id })).status, 403)
    assert.equal((await we.ask('PUT', `${path}/membership`, { status: 'accepted' })).status, 404)
    assert.equal((await they.ask('PUT', `${path}/membership`, { status: 'accepted' })).status, 200)
    assert.ok(await they.lists(id))
    assert.equal((await they.ask('PUT', `${path}/membership`, { status: 'rejected' })).status, 200)
    assert.ok(!(await they.lists(id)))
    assert.equal((await we.ask('GET', `${path}/members`)).body.items?.[0]?.status, 'rejected')
    assert.equal((await we.ask('DELETE', `${path}/members/${project_id}`)).status, 204)
    assert.deepEqual([(await they.ask('GET', path)).status, await they.boots(id)], [404, 404])
    const { body } = await they.ask('GET', '/v1/instances')
    const vm = (body.items ?? []).find(one => one.image_id === id)
    assert.ok(vm, 'what was made from it goes on')
    // Nobody is a member any more by a change away from shared and back.
    await we.ask('POST', `${path}/members`, { project_id })
    await we.ask('PATCH', path, { visibility: 'private' })
    await we.ask('PATCH', path, { visibility: 'shared' })
    assert.equal((await they.ask('GET', path)).status, 404)
    const events = await cloud.cloud.database.db
      .selectFrom('event')
      .select('project_id')
      .where('resource_id', '=', id)
      .where('noun', '=', 'image')
      .execute()
    assert.ok(
      events.some(one => one.project_id === project_id) && events.some(one => one.project_id === ours.things.project),
    )
  })

  void test('a community image is for all who name it, and in lists of those who ask for such', async () => {
    const [we, they] = [as(ours), as(theirs)]
    const id = String(ours.things.image)
    const opened = await we.ask('PATCH', `/v1/images/${id}`, { visibility: 'community', tags: { team: 'ours' } })
    assert.equal(opened.status, 200, JSON.stringify(opened.body))
    assert.deepEqual(opened.body.tags, { team: 'ours' })
    assert.ok(!(await they.lists(id)))
    assert.ok(await they.lists(id, '?visibility=community'))
    assert.equal(await they.boots(id), 202)
    assert.equal((await we.ask('POST', `/v1/images/${id}/members`, { project_id: theirs.things.project })).status, 409)
    assert.equal((await we.ask('PATCH', `/v1/images/${id}`, { visibility: 'public' })).status, 403)
    assert.equal((await we.ask('PATCH', `/v1/images/${id}`, { properties: { nic_modle: 'e1000' } })).status, 422)
  })

  void test('the NIC model and the system that an image names are those of its instances, as their host is told', async () => {
    const we = as(ours)
    const { image, flavor, network } = ours.things
    const set = await we.ask('PATCH', `/v1/images/${image}`, { properties: { nic_model: 'e1000e', os: 'Windows 11' } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const networks = [{ network_id: network }, { network_id: network }]
    const body = { name: 'old', flavor_id: flavor, image_id: image, networks }
    const made = await we.ask('POST', '/v1/instances', body)
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const id = String(made.body.items?.[0]?.id)
    const ports = (await instancePorts.wanted(cloud.cloud.database.db, [id])).get(id) ?? []
    assert.deepEqual(
      ports.map(one => one.model),
      ['e1000e', 'e1000e'],
    )
    const [told] = await wanted.instances(cloud.cloud.database.db, [id], { stopTimeout: () => 1 })
    assert.equal(told?.instance.os_family, 'windows')
    assert.ok(Value.Check(WantedInstance, told.instance), JSON.stringify(told))
    // What the host takes by its own schema.
    for (const one of ports) assert.ok(Value.Check(WantedPort, one), JSON.stringify(one))
  })

  async function key(name: string, ...options: string[]): Promise<string> {
    const file = join(dir, name)
    await run('openssl', ['genpkey', '-out', file, ...options])
    const { stdout } = await run('openssl', ['pkey', '-in', file, '-pubout'])
    const made = await cloud.request('POST', '/v1/image-keys', { body: { name, public_key: stdout } })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    return String(made.body.id)
  }

  /** As docs/images.md says it. */
  async function sign(name: string, algorithm: string): Promise<string> {
    const [file, out, digest] = [join(dir, 'disk'), join(dir, 'signature'), join(dir, 'digest')]
    const hash = `-${/sha\d+/.exec(algorithm)?.[0]}`
    if (algorithm.startsWith('ed25519')) {
      await run('openssl', ['dgst', hash, '-binary', '-out', digest, file])
      await run('openssl', ['pkeyutl', '-sign', '-rawin', '-inkey', join(dir, name), '-in', digest, '-out', out])
    } else {
      const pss = algorithm.includes('pss') ? ['-sigopt', 'rsa_padding_mode:pss'] : []
      await run('openssl', ['dgst', hash, '-sign', join(dir, name), ...pss, '-out', out, file])
    }
    return (await readFile(out)).toString('base64')
  }

  interface Seen {
    id: string
    status: string
    failure: string | null
    verified_by: { key: string; algorithm: string } | null
  }

  async function settled(id: string): Promise<Seen> {
    const done = Promise.withResolvers<Seen>()
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

  async function create(body: object): Promise<string> {
    const made = await cloud.request('POST', '/v1/images', { body: { name: 'signed', ...body } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return String((made.body.image as { id: string }).id)
  }

  /** In two parts, as after a broken connection. */
  async function upload(id: string, content: Buffer): Promise<Seen> {
    const half = Math.floor(content.length / 2)
    for (const [offset, part] of [[0, content.subarray(0, half)] as const, [half, content.subarray(half)] as const]) {
      const sent = await fetch(`${url}/v1/image-uploads/${id}`, {
        method: 'PATCH',
        headers: {
          authorization: `Bearer ${cloud.admin}`,
          'tus-resumable': '1.0.0',
          'upload-offset': String(offset),
          'content-type': 'application/offset+octet-stream',
        },
        body: new Uint8Array(part),
      })
      assert.equal(sent.status, 204, await sent.text())
    }
    return settled(id)
  }

  void test('what openssl signed is verified, by every kind of key', async () => {
    await key('ed', '-algorithm', 'ed25519')
    await key('p256', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
    await key('p384', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384')
    await key('rsa', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
    const content = await readFile(join(dir, 'disk'))
    for (const [signing_key, algorithm, said] of [
      ['ed', 'ed25519-sha512', false],
      ['p256', 'ecdsa-sha256', false],
      ['p384', 'ecdsa-sha384', false],
      ['rsa', 'rsa-sha256', false],
      ['rsa', 'rsa-sha512', true],
      ['rsa', 'rsa-pss-sha384', true],
    ] as const) {
      const signature = await sign(signing_key, algorithm)
      const id = await create({
        size_bytes: content.length,
        signature,
        signing_key,
        ...(said && { signature_algorithm: algorithm }),
      })
      const seen = await upload(id, content)
      assert.equal(seen.status, 'ready', `${algorithm}: ${seen.failure}`)
      assert.deepEqual([seen.verified_by?.key, seen.verified_by?.algorithm], [signing_key, algorithm])
    }
  })

  void test('a flipped bit, another key, another algorithm and a key that is gone end the image, and its content', async () => {
    const content = await readFile(join(dir, 'disk'))
    const flipped = Buffer.from(content)
    flipped[content.length - 1000] = (flipped[content.length - 1000] ?? 0) ^ 1
    const gone = await key('gone', '-algorithm', 'ed25519')
    await key('other', '-algorithm', 'ed25519')
    const good = await sign('gone', 'ed25519-sha512')
    const cases = [
      { body: { signature: good, signing_key: 'gone' }, sent: flipped, says: /does not bear the signature/ },
      { body: { signature: good, signing_key: 'other' }, sent: content, says: /does not bear the signature/ },
      { body: { signature: 'AAAA', signing_key: 'gone' }, sent: content, says: /does not bear the signature/ },
    ]
    for (const { body, sent, says } of cases) {
      const seen = await upload(await create({ ...body, size_bytes: sent.length }), sent)
      assert.equal(seen.status, 'failed')
      assert.match(String(seen.failure), says)
      assert.equal(seen.verified_by, null)
    }
    const kept = await upload(await create({ size_bytes: content.length, signature: good, signing_key: gone }), content)
    const late = await create({ size_bytes: content.length, signature: good, signing_key: 'gone' })
    assert.equal((await cloud.request('DELETE', `/v1/image-keys/${gone}`)).status, 204)
    assert.match(String((await upload(late, content)).failure), /was deleted before the content was checked/)
    assert.equal((await readdir(cloud.cloud.images.folder)).filter(name => name.startsWith(late)).length, 0)
    assert.equal((await settled(kept.id)).verified_by?.key, 'gone')
    for (const [body, status] of [
      [{ signature: good }, 422],
      [{ signature: good, signing_key: 'gone' }, 404],
      [{ signature: good, signing_key: 'other', signature_algorithm: 'rsa-sha256' }, 422],
    ] as const) {
      assert.equal((await cloud.request('POST', '/v1/images', { body: { name: 'x', ...body } })).status, status)
    }
  })

  void test('where signatures are required, an image without one is refused; a fetched one is verified too', async t => {
    const content = await readFile(join(dir, 'disk'))
    const put = async (name: string, value: boolean) => {
      assert.equal((await cloud.request('PUT', `/v1/settings/${name}`, { body: { value } })).status, 200)
      await cloud.cloud.settings.read(cloud.cloud.database.db)
    }
    const early = await create({ size_bytes: content.length })
    await put('image.require_signature', true)
    await put('image.download_private_addresses', true)
    t.after(() => put('image.require_signature', false))
    const refused = await cloud.request('POST', '/v1/images', { body: { name: 'unsigned' } })
    assert.equal(refused.status, 422)
    assert.match(String(refused.body.detail), /must be signed here/)
    assert.match(String((await upload(early, content)).failure), /must be signed here/)
    const site = http.createServer((_, response) => response.end(content))
    await new Promise<void>(resolve => site.listen(0, '127.0.0.1', resolve))
    t.after(() => site.close())
    const source_url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/disk`
    const fetched = await create({ source_url, signing_key: 'p256', signature: await sign('p256', 'ecdsa-sha256') })
    const seen = await settled(fetched)
    assert.equal(seen.status, 'ready', String(seen.failure))
    assert.equal(seen.verified_by?.key, 'p256')
  })
})
