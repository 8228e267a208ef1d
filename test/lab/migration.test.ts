/**
 * An instance moves between two whole hosts, through the API: its memory, disk, address, connections and console are kept; and either host that
 * loses its power, the network between the two, or the controller that is killed, in the middle of it: the guest runs once.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Instance } from '../../src/api/instance.ts'
import type { Migration } from '../../src/api/migration.ts'
import { consoleClosed } from '../../src/model/console.ts'
import type { Host } from './bed/bed.ts'
import type { Cloud } from './bed/cloud.ts'
import { emulator_ended, isEnded, MovingBed, noticedWithin_ms, tries_max, untilSaid } from './bed/moving.ts'
import { bootSysvinit, killService } from './bed/services.ts'
import { leftInTheEnd, qemuPids } from './bed/traces.ts'
import { eventually } from '../support/eventually.ts'

let moving: MovingBed
let alpha: Host
let beta: Host
let cloud: Cloud
let hello: Instance
let address = ''

before(async () => {
  moving = await MovingBed.create()
  ;({ alpha, beta, cloud, hello, address } = moving)
})
after(() => moving?.close())

/** What was on its way in the guest, the open console included, and how each is found again. */
async function begin() {
  const booted = await moving.boots()
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
  const deaths = await moving.emulatorDeaths()
  const begun = await begin()
  const migration = await moving.until(await moving.migrate(beta), isEnded, 'ended')
  const died = migration.outcome === 'failed' && emulator_ended.test(migration.reason ?? '')
  const booted = died || (await moving.boots()) !== begun.boots
  const is_reset = booted && !died && (await moving.emulatorDeaths()) === deaths
  if (!booted || tries <= 1 || (is_reset && resets > 0)) return { ...begun, migration }
  const how = migration.reason ?? (is_reset ? 'it was reset' : 'its process died, and it booted again')
  process.stdout.write(`# the emulator lost the guest (${how}): once more\n`)
  begun.console.close()
  await begun.talking
  await cloud.must('instance', 'stop', 'hello', '--wait')
  if ((await cloud.instance('hello')).host === 'beta') await moving.until(await moving.migrate(alpha), isEnded, 'ended')
  await cloud.must('instance', 'start', 'hello', '--wait')
  return await moveLive(tries - 1, resets + (is_reset ? 1 : 0))
}

void test('it moves while it runs: memory, disk, address and what is open are kept, and the old host is clean', async () => {
  await moving.beginOn(alpha)
  await cloud.mustSsh(address, 'dd if=/dev/urandom of=/var/lib/tiny/kept bs=1M count=2 2>/dev/null; sync')
  const sum = await cloud.mustSsh(address, 'sha256sum /var/lib/tiny/kept')
  const { migration, pid, talking, console, boots: before } = await moveLive()
  assert.equal(migration.outcome, 'succeeded', migration.reason ?? '')
  assert(migration.progress?.downtime_ms !== null, 'how long the guest paused is told')
  assert.match(
    (await talking).stdout,
    /1\n[^]*12$/m,
    `it has booted ${await moving.boots()} times, and ${before} before`,
  )
  assert.deepEqual(await moving.runs(), { alpha: 0, beta: 1 })
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

void test('the network between the hosts is cut on the way: both ends notice, and it goes on where it is', async () => {
  // Anew: what the emulator lost of its memory in the move before may show only now.
  await moving.beginOn(beta, true)
  const before = await moving.boots()
  const pids = await qemuPids(beta)
  const migration = await moving.onItsWay(alpha)
  const cut_ms = performance.now()
  await moving.bed.fabric.setLink(2, 'down')
  // The controller hears nothing of beta: its own libvirtd tells that no move is under way any more, and alpha's that nothing comes.
  const jobs = ['virsh', 'domjobinfo', hello.id]
  await untilSaid(beta, jobs, /None/, noticedWithin_ms)
  // Each end hears for itself that nothing comes.
  await eventually(async () => assert.deepEqual(await moving.runs(), { alpha: 0, beta: 1 }), noticedWithin_ms)
  process.stdout.write(`# both ends noticed after ${Math.round(performance.now() - cut_ms)} ms\n`)
  await moving.bed.fabric.setLink(2, 'up')
  const ended = await moving.until(migration, isEnded, 'ended')
  const { outcome, reason } = ended
  assert.equal(outcome, 'failed', JSON.stringify(ended))
  assert.match(reason ?? '', /connection to the target host’s agent broke/)
  assert.deepEqual(await qemuPids(beta), pids)
  assert.equal(await moving.boots(), before)
})

void test('the old host loses its power on the way: the guest boots there again, and nowhere else', async () => {
  await moving.beginOn(beta)
  const before = await moving.boots()
  const migration = await moving.onItsWay(alpha)
  await beta.powerCut()
  await beta.powerOn()
  await bootSysvinit(beta)
  const ended = await moving.until(migration, isEnded, 'ended')
  assert.equal(ended.outcome, 'failed', JSON.stringify(ended))
  await cloud.untilState(hello.id, 'running')
  assert.deepEqual(await moving.runs(), { alpha: 0, beta: 1 })
  const now = String(Number(before) + 1)
  await cloud.logged(hello.id, new RegExp(`TINY READY hostname=hello .*boots=${now} `))
  assert.equal(await moving.boots(), now)
})

void test('the new host loses its power on the way, and the controllers with it: the guest goes on where it is', async () => {
  await moving.beginOn(beta)
  const before = await moving.boots()
  const id = moving.idOf(alpha)
  const migration = await moving.onItsWay(alpha)
  await alpha.powerCut()
  assert.equal((await qemuPids(beta)).length, 1)
  await alpha.powerOn()
  await bootSysvinit(alpha)
  await cloud.untilHost(id, 'up')
  const ended = await moving.until(migration, isEnded, 'ended')
  assert.equal(ended.outcome, 'failed', JSON.stringify(ended))
  assert.equal((await cloud.instance('hello')).host, 'beta')
  await eventually(async () => assert.deepEqual(await moving.runs(), { alpha: 0, beta: 1 }), noticedWithin_ms)
  assert.equal(await moving.boots(), before)
})

void test('the controller is killed on the way: the two hosts go on, and another one hears how it ended', async () => {
  await moving.beginOn(beta)
  const before = await moving.boots()
  const id = moving.idOf(beta)
  const migration = await moving.onItsWay(alpha, 8)
  await killService(alpha, 'croft-controller')
  await cloud.untilHost(id, 'up')
  const { outcome, reason } = await moving.until(migration, isEnded, 'ended')
  if (outcome === 'failed') {
    assert.match(reason ?? '', emulator_ended)
    process.stdout.write(`# the emulator lost the guest (${reason})\n`)
    return
  }
  assert.equal(outcome, 'succeeded')
  assert.equal((await cloud.instance('hello')).host, 'alpha')
  await eventually(async () => assert.deepEqual(await moving.runs(), { alpha: 1, beta: 0 }), noticedWithin_ms)
  const { stdout } = await alpha.exec(['pgrep', '-a', '-x', 'qemu-system-x86'])
  assert.match(stdout, / -incoming /, 'nobody has started it there')
  if ((await moving.boots()) !== before) process.stdout.write('# the emulator lost the guest: it was reset\n')
})
