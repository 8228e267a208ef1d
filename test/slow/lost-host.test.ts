/**
 * A host that runs a highly available instance loses its power, and there is no hardware to fence it with: once its lease is over the
 * instance runs on the other host that shares its pool, once, from the disk that it had; and the old host, back again, leaves it alone.
 */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { haRestartRoutes } from '../../src/api/ha-restart.ts'
import { hostRoutes } from '../../src/api/host.ts'
import { instanceRoutes } from '../../src/api/instance.ts'
import { type Bed, createBed, type Host } from '../lab/bed/bed.ts'
import { Cloud } from '../lab/bed/cloud.ts'
import { imageCache } from '../lab/bed/image-cache.ts'
import { bootSysvinit, haveSysvinit } from '../lab/bed/services.ts'
import { qemuPids } from '../lab/bed/traces.ts'

let bed: Bed
let alpha: Host
let beta: Host
let cloud: Cloud
let id = ''
let address = ''
/** Of the guest that is not highly available, on the host that goes on. */
let hello: string[] = []

const between = (host: Host) => ['--cluster-address', host.ip, '--tunnel-nic', 'eth0']

/** One folder of the machine as every host's pool; as with /etc/fstab, it is there before Croft starts. */
async function mountPool(host: Host): Promise<void> {
  const shared = path.join(bed.dir, 'pool')
  const pool = '/var/lib/croft/agent/pool'
  await mkdir(shared, { recursive: true })
  await host.must(['mkdir', '-p', pool])
  await host.must(['mount', '--bind', shared, pool])
}

before(async () => {
  await imageCache()
  bed = await createBed()
  alpha = await bed.addHost('alpha')
  beta = await bed.addHost('beta')
  await haveSysvinit(beta)
  await mountPool(alpha)
  await mountPool(beta)
  cloud = new Cloud(alpha)
  await cloud.must('up', ...between(alpha))
  const client = await cloud.client()
  const { command } = await client.call(hostRoutes.invite, { body: {} })
  const [, ...args] = command.split(' ')
  await new Cloud(beta).must(...args, ...between(beta))
  const host_id = await idOf('beta')
  await cloud.untilHost(host_id, 'up')
  hello = await qemuPids(alpha)
  const { flavor_id, image_id } = await cloud.instance('hello')
  assert(image_id)
  const body = { name: 'vital', flavor_id, image_id, host_id, availability: 'high' } as const
  const made = await client.call(instanceRoutes.create, { body })
  id = made.items[0]?.id ?? ''
  await cloud.untilState(id, 'running')
  await cloud.must('security-group', 'rule', 'add', 'default', 'tcp:22')
  await cloud.must('floating-ip', 'create', '--instance', 'vital')
  address = (await cloud.instance('vital')).addresses[0]?.floating_address ?? ''
  await cloud.logged(id, /TINY READY hostname=vital .*boots=1 /)
  await cloud.mustSsh(address, 'echo kept > /var/lib/tiny/kept; sync')
})
after(() => bed?.close())

async function idOf(name: string): Promise<string> {
  const client = await cloud.client()
  const { items } = await client.call(hostRoutes.list, { query: { name } })
  assert(items[0], `there is no host ${name}`)
  return items[0].id
}

/** Where it is, and on how many hosts it runs. */
async function whereabouts() {
  const on_alpha = (await qemuPids(alpha)).filter(pid => !hello.includes(pid))
  const on_beta = beta.powered ? await qemuPids(beta) : []
  return { host: (await cloud.instance('vital')).host, alpha: on_alpha.length, beta: on_beta.length }
}

void test('its host loses its power: it runs on the other one, by lease, from its disk', async () => {
  assert.deepEqual(await whereabouts(), { host: 'beta', alpha: 0, beta: 1 })
  await beta.powerCut()
  await cloud.until(id, now => now.host === 'alpha' && now.state === 'running', 'running on the other host')
  await cloud.logged(id, /TINY READY hostname=vital .*boots=2 /)
  assert.equal(await cloud.mustSsh(address, 'cat /var/lib/tiny/kept /var/lib/tiny/boots'), 'kept\n2')
  assert.deepEqual(await whereabouts(), { host: 'alpha', alpha: 1, beta: 0 })
  const client = await cloud.client()
  const restarts = async () => (await client.call(haRestartRoutes.list, { query: { instance_id: id } })).items
  await cloud.untilTrue(id, async () => (await restarts())[0]?.outcome !== null, 'end of its restart')
  const told = (await restarts()).map(({ from_host, to_host, fenced_by, outcome }) => ({
    from_host,
    to_host,
    fenced_by,
    outcome,
  }))
  assert.deepEqual(told, [{ from_host: 'beta', to_host: 'alpha', fenced_by: 'lease', outcome: 'running' }])
  assert.deepEqual(
    (await qemuPids(alpha)).filter(pid => hello.includes(pid)),
    hello,
    'the other guest never noticed',
  )
})

void test('the lost host is back: it leaves the instance and its disk alone', async () => {
  await beta.powerOn()
  await mountPool(beta)
  await bootSysvinit(beta)
  const host_id = await idOf('beta')
  await cloud.untilHost(host_id, 'up')
  const client = await cloud.client()
  const { items } = await client.call(haRestartRoutes.list, { query: { instance_id: id } })
  assert.equal(items.length, 1)
  assert.deepEqual(await whereabouts(), { host: 'alpha', alpha: 1, beta: 0 })
  assert.equal(await cloud.mustSsh(address, 'cat /var/lib/tiny/kept /var/lib/tiny/boots'), 'kept\n2')
})
