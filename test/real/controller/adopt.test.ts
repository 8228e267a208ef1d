/** What a host shows of an instance that the database has lost may be made up: a record is made only of what its project could have had. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/adopt', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let theirs: string

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { memory_mib: 64_000 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = { name: 'honest', flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const project = { name: 'theirs', domain_id: cloud.domain_id }
    const { body: other } = await cloud.request('POST', '/v1/projects', { body: project })
    theirs = crypto.randomUUID()
    await cloud.cloud.database.db
      .insertInto('network')
      .values({ id: theirs, project_id: String(other.id), name: 'theirs', kind: 'overlay', mtu: 1442 })
      .execute()
  })
  after(() => cloud.close())

  /** As the host would have been told of another such instance. */
  function orphan(): WantedInstance {
    const [wanted] = host.wanted.values()
    assert.ok(wanted)
    return {
      ...wanted,
      id: crypto.randomUUID(),
      disks: wanted.disks.map(disk => ({ ...disk, volume_id: crypto.randomUUID() })),
      ports: [],
      metadata: { ...wanted.metadata, name: 'orphan', hostname: 'orphan' },
    }
  }

  async function adopt(wanted: WantedInstance) {
    const { id: instance_id, generation, details_version, power } = wanted
    await cloud.cloud.database.db
      .insertInto('held_instance')
      .values({
        host_id: host.id,
        instance_id,
        kind: 'orphaned',
        generation,
        details_version,
        power,
        wanted: sql`${JSON.stringify(wanted)}::jsonb`,
      })
      .execute()
    return await cloud.request('POST', `/v1/hosts/${host.id}/adopt`, { body: { instance_id } })
  }

  async function refused(wanted: WantedInstance, why: RegExp) {
    const answered = await adopt(wanted)
    assert.equal(answered.status, 409, JSON.stringify(answered.body))
    assert.match(String(answered.body.detail), why)
    assert.equal((await cloud.request('GET', `/v1/instances/${wanted.id}`)).status, 404)
  }

  test('what its project could have is adopted', async () => {
    const wanted = orphan()
    assert.equal((await adopt(wanted)).status, 200)
    assert.equal((await cloud.request('GET', `/v1/instances/${wanted.id}`)).body.name, 'orphan')
  })

  test('a port on another project’s network is not', async () => {
    const port = { port_id: crypto.randomUUID(), mac: 'fa:16:3e:00:00:99', mtu: 1442, addresses: [], dns: [] }
    const ports = [{ ...port, network_id: theirs, model: 'virtio' as const }]
    await refused({ ...orphan(), ports }, /its network .* is not there/)
  })

  test('a disk that is another’s is not', async () => {
    const [wanted] = host.wanted.values()
    await refused({ ...orphan(), disks: wanted?.disks ?? [] }, /is a volume of something else/)
  })

  test('names and more that nobody could have given are not', async () => {
    const { metadata } = orphan()
    for (const change of [
      { name: '\u001b[31mred' },
      { name: 'x'.repeat(5000) },
      { hostname: 'a b; rm -rf /' },
      { user_data: 'x'.repeat(1_000_000) },
      { tags: { k: 'v'.repeat(100_000) } },
      { public_keys: Array.from({ length: 100 }, () => ({ name: 'k', public_key: 'ssh-ed25519 AAAA' })) },
    ])
      await refused({ ...orphan(), metadata: { ...metadata, ...change } }, /no instance could have been given/)
  })
})
