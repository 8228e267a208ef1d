/** A lost host by the CLI: vouched for, evacuated, taken out; against a whole controller. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { HaRestart } from '../../../src/api/ha-restart.ts'
import { poolOf } from '../../../sim/facts.ts'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

const pool_id = '11111111-2222-4333-8444-555555555561'

describe('cli/lost-host', () => {
  let cloud: TestCloud
  let home: Home
  let lost: ObedientHost
  before(async () => {
    cloud = await testCloud()
    lost = await addHost(cloud, 'h1', { memory_mib: 4096 }, poolOf(pool_id))
    const small = await addHost(cloud, 'h2', { memory_mib: 1300 }, poolOf(pool_id))
    for (const host of [lost, small]) {
      host.asks_first = true
      await host.disconnect()
      await host.connect()
    }
    await addImage(cloud)
    await addNetwork(cloud)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
  })
  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  async function create(name: string, host: string): Promise<void> {
    const words = ['--image', 'tiny', '--flavor', 'tiny', '--host', host, '--wait']
    const made = await home.run('instance', 'create', name, ...words)
    assert.equal(made.code, 0, made.stderr)
  }

  test('a line for each: where it goes, or why it stays; and what would be lost has to be counted', async () => {
    for (const name of ['a', 'b', 'c']) await create(name, 'h1')
    await lost.disconnect()
    const odd = await home.run('host', 'list', '--attention')
    assert.match(
      odd.stdout,
      /^NAME +CLUSTER +AVAILABILITY +ATTENTION +AVAILABILITY REASON +ID\nh1 +default +silent +availability +Its link was closed/,
    )
    assert.match((await home.run('host', 'list')).stdout, /^NAME +CLUSTER +AVAILABILITY +SCHEDULABLE +/)
    assert.match((await home.run('host', 'evacuate', 'h1')).stderr, /nobody knows that it is off/)
    const said = await home.run('host', 'fence', 'h1', '--confirm-off')
    assert.equal(said.code, 0, said.stderr)
    const went = await home.run('host', 'evacuate', 'h1')
    assert.equal(went.code, 1, 'some stay')
    assert.match(went.stdout, /^INSTANCE +GOES TO +STAYS\na +h2 +-\nb +h2 +-\nc +- +No host can take/)
    const removed = await home.run('host', 'remove', 'h1', '--lost')
    assert.match(removed.stderr, /h1 is not removed: 1 instance on it has its disks in a pool/)
    const own = await addHost(cloud, 'own')
    await create('mine', 'own')
    await own.disconnect()
    assert.match(
      (await home.run('host', 'remove', 'own', '--lost')).stderr,
      /1 thing would be given up .*the instance mine\..* --lost --gives-up 1/s,
    )
    assert.equal((await home.run('host', 'remove', 'own', '--lost', '--gives-up', '1')).code, 0)
  })

  test('a host that is removed says what has gone from it to others, and how to look whether it runs there', async () => {
    const facts = poolOf('11111111-2222-4333-8444-555555555562')
    const [gone, heir] = [await addHost(cloud, 'gone', {}, facts), await addHost(cloud, 'heir', {}, facts)]
    for (const host of [gone, heir]) {
      host.asks_first = true
      await host.disconnect()
      await host.connect()
    }
    for (const name of ['d', 'e']) await create(name, 'gone')
    await gone.disconnect()
    await home.run('host', 'fence', 'gone', '--confirm-off')
    const removed = await home.run('host', 'remove', 'gone', '--lost')
    assert.equal(removed.code, 0, removed.stderr)
    assert.match(removed.stdout, /^INSTANCE +GOES TO\nd +heir\ne +heir\n$/)
    const [, ...look] = /croft (ha-restart .*)$/m.exec(removed.stderr)?.[1]?.split(' ') ?? []
    assert.match((await home.run('ha-restart', ...look)).stdout, / d +gone \(removed [0-9a-f-]{36}\) +heir /)
    const [id = ''] = (await home.run('ha-restart', ...look, '-q')).stdout.split('\n')
    const { from_host, to_host } = JSON.parse((await home.run('ha-restart', 'get', id, '--json')).stdout) as HaRestart
    assert.deepEqual([from_host, to_host], [`gone (removed ${gone.id})`, 'heir'])
    assert.equal((await home.run('host', 'update', 'heir', '--label', 'rack=r1')).code, 0)
    assert.equal((await home.run('host', 'list', '--label', 'rack=r1', '-q')).stdout, `${heir.id}\n`)
    assert.match((await home.run('ha-restart', 'list', '--from-host', 'gone')).stderr, /removed is named by its id/)
  })
})
