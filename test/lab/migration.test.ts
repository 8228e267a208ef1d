/**
 * An instance moves between two whole hosts, through the API: its memory, disk, address and connections are kept; and a host that loses
 * its power, or the network between the two, in the middle of it: the guest runs once.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hostRoutes } from '../../src/api/host.ts'
import type { Instance } from '../../src/api/instance.ts'
import { instanceMoveRoutes, type Migration, migrationRoutes } from '../../src/api/migration.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { Cloud } from './bed/cloud.ts'
import { imageCache } from './bed/image-cache.ts'
import { bootSysvinit, haveSysvinit } from './bed/services.ts'
import { leftInTheEnd, qemuPids } from './bed/traces.ts'

let bed: Bed
let alpha: Host
let beta: Host
let cloud: Cloud
let hello: Instance
let address = ''

const between = (host: Host) => ['--cluster-address', host.ip, '--tunnel-nic', 'eth0']

before(async () => {
  await imageCache()
  bed = await createBed()
  alpha = await bed.addHost('alpha')
  beta = await bed.addHost('beta')
  await haveSysvinit(beta)
  cloud = new Cloud(alpha)
  await cloud.must('up', ...between(alpha))
  const client = await cloud.client()
  const { command } = await client.call(hostRoutes.invite, { body: {} })
  const [, ...args] = command.split(' ')
  await new Cloud(beta).must(...args, ...between(beta))
  await cloud.untilHost((await hostNamed('beta')).id, 'up')
  hello = await cloud.instance('hello')
  address = hello.addresses[0]?.floating_address ?? ''
})
after(() => bed?.close())

async function hostNamed(name: string) {
  const client = await cloud.client()
  const { items } = await client.call(hostRoutes.list, { query: { name } })
  assert(items[0], `there is no host ${name}`)
  return items[0]
}

async function migrate(to: string, more: { bandwidth_mib_s?: number } = {}): Promise<Migration> {
  const client = await cloud.client()
  const body = { host_id: (await hostNamed(to)).id, ...more }
  const { migration } = await client.call(instanceMoveRoutes.migrate, { params: { instance: hello.id }, body })
  return migration
}

/** How it is once it fits; each of its changes is a change of its instance, too. */
async function until({ id }: Migration, fits: (now: Migration) => boolean, what: string): Promise<Migration> {
  const client = await cloud.client()
  let last: Migration | undefined
  const ended = async () => {
    last = await client.call(migrationRoutes.get, { params: { migration: id } })
    return fits(last)
  }
  await cloud.untilTrue(id, ended, `a migration that is ${what}`)
  assert(last)
  return last
}

const isEnded = (now: Migration) => now.phase === 'ended'

/** Where QEMU processes are. */
async function runs(): Promise<{ alpha: number; beta: number }> {
  const [on_alpha, on_beta] = await Promise.all([qemuPids(alpha), qemuPids(beta)])
  return { alpha: on_alpha.length, beta: on_beta.length }
}

void test('it moves while it runs: memory, disk, address and an open connection are kept, and the old host is clean', async () => {
  await cloud.mustSsh(address, 'dd if=/dev/urandom of=/var/lib/tiny/kept bs=1M count=2 2>/dev/null; sync')
  const sum = await cloud.mustSsh(address, 'sha256sum /var/lib/tiny/kept')
  const pid = await cloud.mustSsh(address, 'sleep 100000 >/dev/null 2>&1 </dev/null & echo $!')
  // Under TCG with QEMU 7.2 a guest with traffic on its NIC dies of a few moves in a hundred: an emulator's fault, told from ours by a
  // guest that is not there any more, and tried again.
  const talking = cloud.mustSsh(address, 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $n; sleep 1; done')
  const migration = await until(await migrate('beta'), isEnded, 'ended')
  assert.equal(migration.outcome, 'succeeded', migration.reason ?? '')
  assert(migration.progress?.downtime_ms !== null, 'how long the guest paused is told')
  assert.match(await talking, /1\n[^]*12$/)
  assert.deepEqual(await runs(), { alpha: 0, beta: 1 })
  assert.equal((await cloud.instance('hello')).host, 'beta')
  assert.equal(await cloud.mustSsh(address, 'sha256sum /var/lib/tiny/kept'), sum)
  assert.equal(await cloud.mustSsh(address, `kill -0 ${pid} && cat /var/lib/tiny/boots`), '1')
  const { addresses } = await cloud.instance('hello')
  assert.equal(addresses[0]?.address, hello.addresses[0]?.address)
  const left = await leftInTheEnd(alpha, hello.id, 'no port: the cloud is on this host')
  assert.deepEqual(left, [])
})

void test('the network between the hosts is cut on the way: it goes on where it is', async () => {
  const migration = await migrate('alpha', { bandwidth_mib_s: 1 })
  await until(migration, now => (now.progress?.elapsed_ms ?? 0) > 0, 'on its way')
  await bed.fabric.setLink(2, 'down')
  await cloud.untilHost((await hostNamed('beta')).id, 'unreachable')
  await bed.fabric.setLink(2, 'up')
  const { outcome } = await until(migration, isEnded, 'ended')
  assert.equal(outcome, 'failed')
  assert.deepEqual(await runs(), { alpha: 0, beta: 1 })
  assert.equal(await cloud.mustSsh(address, 'cat /var/lib/tiny/boots'), '1')
})

void test('the old host loses its power on the way: the guest boots there again, and nowhere else', async () => {
  const migration = await migrate('alpha', { bandwidth_mib_s: 1 })
  await until(migration, now => (now.progress?.elapsed_ms ?? 0) > 0, 'on its way')
  await beta.powerCut()
  await cloud.untilHost((await hostNamed('beta')).id, 'unreachable')
  await beta.powerOn()
  await bootSysvinit(beta)
  const { outcome } = await until(migration, isEnded, 'ended')
  assert.equal(outcome, 'failed')
  await cloud.untilState(hello.id, 'running')
  assert.deepEqual(await runs(), { alpha: 0, beta: 1 })
  assert.equal(await cloud.mustSsh(address, 'cat /var/lib/tiny/boots'), '2')
})
