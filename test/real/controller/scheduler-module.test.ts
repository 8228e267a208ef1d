/** The operator's own modules of the scheduler: what they say counts; one that hangs, throws or talks nonsense holds up nobody. */
import assert from 'node:assert/strict'
import { copyFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { scratch } from '../../support/scratch.ts'

const modules = {
  'no-h1.js': `export const filter = host => (host.name === 'h1' ? 'is not to be used' : null)`,
  'likes-h3.js': `export const weigh = host => (host.name === 'h3' ? 1 : 0)\nexport const factor = 100`,
  'hangs.js': `export const filter = () => { for (;;) ; }`,
  'throws.js': `export const weigh = () => { throw new Error('no such rack') }`,
  'nonsense.js': `export const weigh = () => 'much'`,
  'empty.js': `export const nothing = 1`,
  'grows.js': `let all = []\nexport const filter = () => { for (;;) all.push(new Array(1e6).fill(1)) }`,
  'sees.js': `export const filter = (host, asked, count) =>
    'around' in asked || count !== 2 || Object.keys(process.env).length > 0 ? 'sees what it should not' : null`,
}

describe('controller/scheduler-module', () => {
  let cloud: TestCloud
  let folder: string
  let body: Record<string, unknown>

  before(async () => {
    folder = await scratch('croft-modules')
    for (const [name, text] of Object.entries(modules)) await writeFile(join(folder, name), text)
    await copyFile('examples/scheduler/rack-spread.js', join(folder, 'rack-spread.js'))
    cloud = await testCloud({ scheduler: folder })
    for (const name of ['h1', 'h2', 'h3']) await addHost(cloud, name, { cpus: 100, memory_mib: 100_000 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const image_id = await addImage(cloud)
    const network_id = await addNetwork(cloud)
    body = { name: 'web', flavor_id: flavors.body.items?.[0]?.id, image_id, networks: [{ network_id }] }
  })
  after(async () => {
    await cloud.close()
    await rm(folder, { recursive: true })
  })

  async function use(...names: string[]): Promise<void> {
    const { database, settings } = cloud.cloud
    const set = await cloud.request('PUT', '/v1/settings/scheduler.modules', { body: { value: names } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    await settings.read(database.db)
  }
  /** It is set while it is well, and then becomes what it is called. */
  async function useUntilItFails(name: string): Promise<void> {
    await writeFile(join(folder, name), 'export const filter = () => null')
    await use(name)
    const text = Object.entries(modules).find(([one]) => one === name)?.[1]
    await (text === undefined ? rm(join(folder, name)) : writeFile(join(folder, name), text))
  }
  async function set(name: string, value: unknown): Promise<void> {
    await cloud.request('PUT', `/v1/settings/${name}`, { body: { value } })
    await cloud.cloud.settings.read(cloud.cloud.database.db)
  }
  const create = (more: Record<string, unknown> = {}) =>
    cloud.request('POST', '/v1/instances', { body: { ...body, ...more } })
  const hostsOf = (answer: Awaited<ReturnType<typeof create>>) => {
    assert.equal(answer.status, 202, JSON.stringify(answer.body))
    return answer.body.items?.map(one => one.host)
  }

  test('a filter refuses with its reason, a weight is liked, and both are told in the explanation', async () => {
    await use('no-h1.js', 'likes-h3.js')
    const made = await create()
    assert.deepEqual(hostsOf(made), ['h3'])
    const why = await cloud.request('GET', `/v1/instances/${String(made.body.items?.[0]?.id)}/placement`)
    assert.deepEqual(why.body.refusals, { 'module:no-h1.js': 1 })
    assert.match(JSON.stringify(why.body.reasons), /refused by the module no-h1.js.*is not to be used/)
    assert.match(JSON.stringify(why.body.hosts), /"module:likes-h3.js":100/)
  })

  test('it sees values alone, of a batch how many, and hosts as they are now', async () => {
    await use('sees.js')
    assert.equal(hostsOf(await create({ count: 2 }))?.length, 2)
    assert.equal((await create({ count: 3 })).body.code, 'no_capacity')
    await use('rack-spread.js', 'no-h1.js')
    const fourth = await addHost(cloud, 'h4', { cpus: 100, memory_mib: 100_000 })
    await cloud.request('PATCH', `/v1/hosts/${fourth.id}`, { body: { labels: { unit: '3' } } })
    assert.deepEqual(hostsOf(await create()), ['h4'])
  })

  test('a module that is written anew counts at once, also one that failed', async () => {
    const write = (text: string) => writeFile(join(folder, 'mine.js'), text)
    await write(`export const filter = host => (host.name === 'h2' ? null : 'is not h2')`)
    await use('mine.js')
    assert.deepEqual(hostsOf(await create()), ['h2'])
    await write(`export const filter = () => { throw new Error('half written') }`)
    assert.equal(hostsOf(await create())?.length, 1, 'placing goes on without it')
    await write(`export const filter = host => (host.name === 'h3' ? null : 'is not h3')`)
    assert.deepEqual(hostsOf(await create()), ['h3'])
    await use()
  })

  test('a list is asked for as one', async () => {
    const one = await cloud.request('PUT', '/v1/settings/scheduler.modules', { body: { value: 'mine.js' } })
    assert.equal(one.status, 422)
    assert.match(String(one.body.detail), /takes a list, such as \["mine.js"\]/)
  })

  test('one that is not there, or that cannot be loaded, is not taken; one that is set may stay', async () => {
    await use('no-h1.js')
    await writeFile(join(folder, 'broken.js'), 'export const filter = (')
    for (const [name, why] of [
      [
        'nowhere.js',
        /nowhere\.js, but the controller test has no such file in .*croft-modules.*Put it there, and .* every other/,
      ],
      ['broken.js', /broken\.js, but the controller test cannot load it from .*: .+\. Mend it there/],
      ['empty.js', /neither filter nor weigh/],
    ] as const) {
      const value = ['no-h1.js', name]
      const refused = await cloud.request('PUT', '/v1/settings/scheduler.modules', { body: { value } })
      assert.deepEqual([refused.status, refused.body.code, refused.body.module], [422, 'invalid', name])
      assert.match(String(refused.body.detail), why)
    }
    assert.deepEqual((await cloud.request('GET', '/v1/settings/scheduler.modules')).body.value, ['no-h1.js'])
    await useUntilItFails('missing.js')
    await use('missing.js', 'no-h1.js')
    await use()
  })

  for (const [name, why] of [
    ['hangs.js', /longer than 50 ms/],
    ['throws.js', /no such rack/],
    ['nonsense.js', /no number/],
    ['empty.js', /neither filter nor weigh/],
    ['grows.js', /memory|longer/],
    ['missing.js', /Cannot find module/],
  ] as const) {
    test(`${name}: others go on, it is told of, and refuses only when that is set`, async () => {
      await set('scheduler.module_timeout_ms', 50)
      await useUntilItFails(name)
      hostsOf(await create())
      const from_ms = performance.now()
      hostsOf(await create())
      assert.ok(performance.now() - from_ms < 10_000, 'the second waits for nothing')
      await eventually(async () => {
        const events = await cloud.request('GET', '/v1/events?noun=scheduler-module')
        const told = events.body.items?.map(one => one.detail as { name: string; failure: string })
        assert.match(told?.find(one => one.name === name)?.failure ?? '', why)
      })
      await set('scheduler.module_failure', 'refuse')
      const refused = await create()
      assert.deepEqual([refused.status, refused.body.code], [503, 'unavailable'], JSON.stringify(refused.body))
      // What it threw, and where its file is, is for operators: the event has it.
      assert.ok(String(refused.body.detail).includes(`module ${name} fails`))
      assert.match(String(refused.body.detail), /croft event list --noun scheduler-module/)
      assert.doesNotMatch(String(refused.body.detail), why)
      await set('scheduler.module_failure', 'skip')
      await use()
    })
  }
})
