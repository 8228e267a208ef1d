/**
 * An instance moves between two whole hosts, through the API: its memory, disk, address, connections and console are kept; and either host that
 * loses its power, the network between the two, or the controller that is killed, in the middle of it: the guest runs once.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { hostRoutes } from '../../src/api/host.ts'
import type { Instance } from '../../src/api/instance.ts'
import { instanceMoveRoutes, type Migration, migrationRoutes } from '../../src/api/migration.ts'
import { domainName } from '../../src/agent/drivers/libvirt/domain-xml.ts'
import { consoleClosed } from '../../src/model/console.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { Cloud } from './bed/cloud.ts'
import { imageCache } from './bed/image-cache.ts'
import { bootSysvinit, haveSysvinit, killService } from './bed/services.ts'
import { leftInTheEnd, qemuPids } from './bed/traces.ts'
import { eventually } from '../support/eventually.ts'

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
  await haveSysvinit(alpha)
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

/** Nothing tells when a guest's job ends but libvirt, when it is asked. */
async function untilSaid(host: Host, argv: readonly string[], pattern: RegExp, within_ms: number): Promise<void> {
  const end_ms = performance.now() + within_ms
  for (;;) {
    const { stdout, stderr } = await host.exec(argv)
    if (pattern.test(stdout)) return
    assert(performance.now() < end_ms, `${argv.join(' ')} after ${within_ms} ms still says ${stdout}${stderr}`)
    await delay(500)
  }
}

/**
 * Under TCG, QEMU 7.2 loses about four in a hundred guests that have traffic on their NIC while they move live. That is the emulator's fault, and
 * rare: it is not seen three times in a row. Where its process died, libvirt has logged it; what Croft cuts off is 'destroyed' there. A guest that
 * booted anew without a line in that log was reset from within, which is believed once.
 */
const tries_max = 3
const emulator_ended = /quit|monitor|not running|crashed/i

/** How often a process of the guest died by itself, on either host, by libvirt's log of it. */
async function emulatorDeaths(): Promise<number> {
  const log = `/var/log/libvirt/qemu/${domainName(hello.id)}.log`
  const found = await Promise.all([alpha, beta].map(host => host.exec(['grep', '-c', 'reason=crashed', log])))
  return found.reduce((sum, { stdout }) => sum + Number(stdout.trim() || 0), 0)
}

/** What was on its way in the guest, the open console included, and how each is found again. */
async function begin() {
  const booted = await boots()
  const pid = await cloud.mustSsh(address, 'sleep 100000 >/dev/null 2>&1 </dev/null & echo $!')
  const console = await cloud.console(hello.id)
  console.type('\r')
  await console.says(/#/)
  console.type('kept="the shell of $((6*7))"; echo said $kept\r')
  await console.says(/said the shell of 42/)
  const talking = cloud.ssh(address, 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $n; sleep 1; done')
  return { boots: booted, pid, console, talking }
}

/** Moves it live until the emulator kept it alive; it is on alpha before each try. */
async function moveLive(
  tries = tries_max,
  resets = 0,
): Promise<Awaited<ReturnType<typeof begin>> & { migration: Migration }> {
  const deaths = await emulatorDeaths()
  const begun = await begin()
  const migration = await until(await migrate('beta'), isEnded, 'ended')
  const died = migration.outcome === 'failed' && emulator_ended.test(migration.reason ?? '')
  const booted = died || (await boots()) !== begun.boots
  const is_reset = booted && !died && (await emulatorDeaths()) === deaths
  if (!booted || tries <= 1 || (is_reset && resets > 0)) return { ...begun, migration }
  const how = migration.reason ?? (is_reset ? 'it was reset' : 'its process died, and it booted again')
  process.stdout.write(`# the emulator lost the guest (${how}): once more\n`)
  begun.console.close()
  await begun.talking
  await cloud.must('instance', 'stop', 'hello', '--wait')
  if ((await cloud.instance('hello')).host === 'beta') await until(await migrate('alpha'), isEnded, 'ended')
  await cloud.must('instance', 'start', 'hello', '--wait')
  return await moveLive(tries - 1, resets + (is_reset ? 1 : 0))
}

/** What each test begins with, whatever became of the one before: both hosts are up, nothing is on its way, and the guest runs here. */
async function beginOn(host: Host): Promise<void> {
  for (const number of [1, 2]) await bed.fabric.setLink(number, 'up')
  for (const each of [alpha, beta]) await cloud.untilHost((await hostNamed(each.name)).id, 'up')
  const client = await cloud.client()
  const { items } = await client.call(migrationRoutes.list, { query: { instance_id: hello.id, open: true } })
  for (const open of items) {
    if (open.outcome === null) await client.call(migrationRoutes.cancel, { params: { migration: open.id } })
    await until(open, isEnded, 'ended')
  }
  const { host: where, state } = await cloud.instance('hello')
  if (where !== host.name) {
    // Off, as that fails for no emulator's reasons.
    await cloud.must('instance', 'stop', 'hello', '--wait')
    await until(await migrate(host.name), isEnded, 'ended')
    await cloud.must('instance', 'start', 'hello', '--wait')
  } else if (state !== 'running') await cloud.must('instance', 'start', 'hello', '--wait')
  await cloud.mustSsh(address, 'true')
}

const boots = () => cloud.mustSsh(address, 'cat /var/lib/tiny/boots')

/** From beta to alpha, slowly enough for what is to happen in between. */
async function onItsWay(): Promise<Migration> {
  const migration = await migrate('alpha', { bandwidth_mib_s: 1 })
  return until(migration, now => (now.progress?.elapsed_ms ?? 0) > 0, 'on its way')
}

void test('it moves while it runs: memory, disk, address and what is open are kept, and the old host is clean', async () => {
  await beginOn(alpha)
  await cloud.mustSsh(address, 'dd if=/dev/urandom of=/var/lib/tiny/kept bs=1M count=2 2>/dev/null; sync')
  const sum = await cloud.mustSsh(address, 'sha256sum /var/lib/tiny/kept')
  const { migration, pid, talking, console, boots: before } = await moveLive()
  assert.equal(migration.outcome, 'succeeded', migration.reason ?? '')
  assert(migration.progress?.downtime_ms !== null, 'how long the guest paused is told')
  assert.match((await talking).stdout, /1\n[^]*12$/m, `it has booted ${await boots()} times, and ${before} before`)
  assert.deepEqual(await runs(), { alpha: 0, beta: 1 })
  assert.equal((await cloud.instance('hello')).host, 'beta')
  assert.equal(await cloud.mustSsh(address, 'sha256sum /var/lib/tiny/kept'), sum)
  assert.equal(await cloud.mustSsh(address, `kill -0 ${pid} && cat /var/lib/tiny/boots`), before)
  // Whoever sat at it is sent to the new host, where the same shell goes on; and the log has what was written on the old one.
  assert.equal(await console.closed, consoleClosed.moved)
  const there = await cloud.console(hello.id)
  there.type('\recho again $kept\r')
  await there.says(/again the shell of 42/)
  there.close()
  await cloud.logged(hello.id, /TINY READY hostname=hello [^]*said the shell of 42[^]*again the shell of 42/)
  const { addresses } = await cloud.instance('hello')
  assert.equal(addresses[0]?.address, hello.addresses[0]?.address)
  const left = await leftInTheEnd(alpha, hello.id, 'no port: the cloud is on this host')
  assert.deepEqual(left, [])
})

/** Of a cut network: relays hear nothing for 12 s, then libvirt gives up at once; the rest is for a busy machine. */
const noticedWithin_ms = 30_000

void test('the network between the hosts is cut on the way: both ends notice, and it goes on where it is', async () => {
  await beginOn(beta)
  const before = await boots()
  const migration = await onItsWay()
  const cut_ms = performance.now()
  await bed.fabric.setLink(2, 'down')
  // The controller hears nothing of beta: its own libvirtd tells that no move is under way any more, and alpha's that nothing comes.
  const jobs = ['virsh', 'domjobinfo', hello.id]
  await untilSaid(beta, jobs, /None/, noticedWithin_ms)
  // Each end hears for itself that nothing comes.
  await eventually(async () => assert.deepEqual(await runs(), { alpha: 0, beta: 1 }), noticedWithin_ms)
  process.stdout.write(`# both ends noticed after ${Math.round(performance.now() - cut_ms)} ms\n`)
  await bed.fabric.setLink(2, 'up')
  const { outcome, reason } = await until(migration, isEnded, 'ended')
  assert.equal(outcome, 'failed')
  assert.match(reason ?? '', /connection to the target host’s agent broke/)
  assert.equal(await boots(), before)
})

void test('the old host loses its power on the way: the guest boots there again, and nowhere else', async () => {
  await beginOn(beta)
  const before = await boots()
  const migration = await onItsWay()
  await beta.powerCut()
  await beta.powerOn()
  await bootSysvinit(beta)
  const { outcome } = await until(migration, isEnded, 'ended')
  assert.equal(outcome, 'failed')
  await cloud.untilState(hello.id, 'running')
  assert.deepEqual(await runs(), { alpha: 0, beta: 1 })
  const now = String(Number(before) + 1)
  await cloud.logged(hello.id, new RegExp(`TINY READY hostname=hello .*boots=${now} `))
  assert.equal(await boots(), now)
})

void test('the new host loses its power on the way, and the controllers with it: the guest goes on where it is', async () => {
  await beginOn(beta)
  const before = await boots()
  const { id } = await hostNamed('alpha')
  const migration = await onItsWay()
  await alpha.powerCut()
  assert.equal((await qemuPids(beta)).length, 1)
  await alpha.powerOn()
  await bootSysvinit(alpha)
  await cloud.untilHost(id, 'up')
  const { outcome } = await until(migration, isEnded, 'ended')
  assert.equal(outcome, 'failed')
  assert.equal((await cloud.instance('hello')).host, 'beta')
  await eventually(async () => assert.deepEqual(await runs(), { alpha: 0, beta: 1 }), noticedWithin_ms)
  assert.equal(await boots(), before)
})

void test('the controller is killed on the way: the two hosts go on, and another one hears how it ended', async () => {
  await beginOn(beta)
  const before = await boots()
  const { id } = await hostNamed('beta')
  const asked = await migrate('alpha', { bandwidth_mib_s: 8 })
  const migration = await until(asked, now => (now.progress?.elapsed_ms ?? 0) > 0, 'on its way')
  await killService(alpha, 'croft-controller')
  await cloud.untilHost(id, 'up')
  const { outcome, reason } = await until(migration, isEnded, 'ended')
  if (outcome === 'failed') {
    assert.match(reason ?? '', emulator_ended)
    process.stdout.write(`# the emulator lost the guest (${reason})\n`)
    return
  }
  assert.equal(outcome, 'succeeded')
  assert.equal((await cloud.instance('hello')).host, 'alpha')
  await eventually(async () => assert.deepEqual(await runs(), { alpha: 1, beta: 0 }), noticedWithin_ms)
  assert.equal(await boots(), before)
})
