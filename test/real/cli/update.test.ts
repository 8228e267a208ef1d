/** Changing what things have, in part and whole, against a whole controller. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

let cloud: TestCloud
let home: Home
let image_id: string

describe('cli/update', () => {
  before(async () => {
    cloud = await testCloud()
    await addHost(cloud, 'rack1-a')
    await addHost(cloud, 'rack1-b')
    image_id = await addImage(cloud)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
  })

  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  async function ok(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await home.run(...words)
    assert.equal(code, 0, `croft ${words.join(' ')}: ${stderr}`)
    return stdout
  }

  const changed = async (...words: string[]) => JSON.parse(await ok(...words, '--json')) as Record<string, unknown>

  test('a label more keeps the others; one is taken away, or all', async () => {
    const update = async (...words: string[]) => (await changed('host', 'update', 'rack1-a', ...words)).labels
    assert.deepEqual(await update('--label', 'gateway=true'), { gateway: 'true' })
    assert.deepEqual(await update('--label', 'rack=1', '--label', 'row=7'), { gateway: 'true', rack: '1', row: '7' })
    assert.deepEqual(await update('--label', 'rack=2', '--no-label', 'row'), { gateway: 'true', rack: '2' })
    assert.deepEqual(await update('--no-label', 'nothing'), { gateway: 'true', rack: '2' })
    assert.deepEqual(await update('--no-labels', '--label', 'row=8'), { row: '8' })
    assert.deepEqual(await update('--no-labels'), {})
    const both = await home.run('host', 'update', 'rack1-a', '--label', 'a=1', '--no-label', 'a')
    assert.equal(both.code, 2)
    assert.match(both.stderr, /--label and --no-label contradict about "a"/)
  })

  test('several hosts get a label at once, each keeping its own; a name is of one', async () => {
    await ok('host', 'update', 'rack1-a', '--label', 'own=a')
    assert.match(await ok('host', 'update', 'rack1-a', 'rack1-b', '--label', 'rack=1'), /^NAME[^]*rack1-a[^]*rack1-b/)
    assert.deepEqual((await changed('host', 'get', 'rack1-a')).labels, { own: 'a', rack: '1' })
    assert.deepEqual((await changed('host', 'get', 'rack1-b')).labels, { rack: '1' })
    const named = await home.run('host', 'update', 'rack1-a', 'rack1-b', '--name', 'same')
    assert.equal(named.code, 2)
    assert.match(named.stderr, /--name is of one; name one\./)
  })

  test('what a running guest has from its next start only is said, of one and of several, and of none that is off', async () => {
    const networks = [{ network_id: await addNetwork(cloud) }]
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items ?? []
    const body = { name: 'dog', count: 2, flavor_id: flavor?.id, image_id, networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const of = (...words: string[]) => home.run('instance', 'update', ...words)
    const late = /Warning: dog-1 is running: what was changed of the watchdog counts from its next start\./
    const one = await of('dog-1', '--watchdog-action', 'reset')
    assert.match(one.stderr, late)
    assert.doesNotMatch(one.stdout, /warning/)
    assert.equal((await of('dog-1', '--watchdog-action', 'reset')).stderr, '', 'it has that already')
    assert.equal((await of('dog-1', '--tag', 'a=b')).stderr, '')
    const both = await of('dog-1', 'dog-2', '--watchdog-action', 'pause', '--graphics', 'spice')
    assert.match(both.stderr, /dog-1 is running: what was changed of the watchdog, the graphics counts/)
    assert.match(both.stderr, /dog-2 is running/)
    const told = await changed('instance', 'update', 'dog-1', '--watchdog-action', 'none')
    assert.match(String(told.warning), /croft instance reboot dog-1/)
    await ok('instance', 'stop', 'dog-1', '--wait')
    assert.equal((await of('dog-1', '--watchdog-action', 'dump')).stderr, '')
    assert.match(await ok('instance', 'update', '--help'), /no watchdog\. From its next start on/)
  })

  test('an aggregate: metadata by key and whole, projects emptied', async () => {
    await ok('aggregate', 'create', 'ssd', '--metadata', 'disk=ssd', '--metadata', 'net=fast', '--project', 'default')
    const update = (...words: string[]) => changed('aggregate', 'update', 'ssd', ...words)
    assert.deepEqual((await update('--no-metadata', 'net')).metadata, { disk: 'ssd' })
    assert.deepEqual((await update('--metadata', 'net=slow')).metadata, { disk: 'ssd', net: 'slow' })
    assert.deepEqual((await update('--no-metadata')).metadata, {})
    assert.equal(((await update('--description', 'x')).project_ids as string[]).length, 1)
    assert.deepEqual((await update('--no-projects')).project_ids, [])
    assert.deepEqual((await update('--no-project')).project_ids, [])
    const both = await home.run('aggregate', 'update', 'ssd', '--project', 'default', '--no-projects')
    assert.match(both.stderr, /--project and --no-projects contradict/)
  })

  test("an image's properties are changed one by one, under a version", async () => {
    const update = (...words: string[]) => changed('image', 'update', 'tiny', ...words)
    await update('--no-properties', '--property', 'os=debian', '--property', 'os-version=12')
    assert.deepEqual((await update('--property', 'user=root')).properties, {
      os: 'debian',
      os_version: '12',
      user: 'root',
    })
    assert.deepEqual((await update('--no-property', 'os-version')).properties, { os: 'debian', user: 'root' })
    const wrong = await home.run('image', 'update', 'tiny', '--no-property', 'colour')
    assert.match(wrong.stderr, /--no-property: there is no "colour"; there are architecture, /)
    const stale = await home.run('image', 'update', 'tiny', '--property', 'os=alpine', '--if-version', '1')
    assert.equal(stale.code, 6, stale.stderr)
  })

  test('labels given by two at once are both there, where the thing has a version', async () => {
    const keys = ['a', 'b', 'c', 'd']
    await Promise.all(keys.map(key => ok('aggregate', 'update', 'ssd', '--metadata', `${key}=1`)))
    assert.deepEqual(Object.keys((await changed('aggregate', 'get', 'ssd')).metadata as object).sort(), keys)
  })
})
