/**
 * The test bed itself: a host has its own name, processes, directories and network, comes back from a power cut with its
 * disks as they were, and does not touch the machine it runs on.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { startLibvirt } from './bed/libvirt.ts'

let bed: Bed
let one: Host
let two: Host

before(async () => {
  bed = await createBed()
  const hosts = await Promise.all([bed.addHost('one'), bed.addHost('two')])
  one = hosts[0]
  two = hosts[1]
})
after(() => bed.close())

test('a host has its own name, process table, devices and empty directories', async () => {
  assert.equal((await one.must(['hostname'])).trim(), 'one')
  assert.notEqual(hostname(), 'one')
  const processes = (await one.must(['ps', '-eo', 'pid='])).trim().split('\n')
  assert.ok(processes.length <= 4, `sees only its own processes, not ${processes.length}`)
  assert.equal((await one.must(['ls', '/var/lib/croft', '/etc/openvswitch', '/run/openvswitch'])).match(/db/), null)
  // Also where it does not work, as machines have it.
  for (const device of ['kvm', 'net/tun']) assert.equal((await one.exec(['test', '-c', `/dev/${device}`])).code, 0)
  assert.notEqual(await one.must(['cat', '/etc/machine-id']), await two.must(['cat', '/etc/machine-id']))
})

test('the checkout is visible inside and Node runs there', async () => {
  const { stdout, code } = await one.exec(['sh', 'scripts/node.sh', '-p', 'process.pid < 1000 && process.version'])
  assert.equal(code, 0)
  assert.match(stdout, /^v26\./)
})

test('hosts reach each other and the fabric, and a cut cable stops that', async () => {
  const ping = (to: string) => one.exec(['ping', '-c1', '-W1', to])
  assert.equal((await ping(two.ip)).code, 0)
  assert.equal((await ping(bed.fabric.gateway)).code, 0)
  await two.cutLink()
  assert.notEqual((await ping(two.ip)).code, 0)
  await two.mendLink()
  assert.equal((await one.exec(['ping', '-c1', '-w5', two.ip])).code, 0)
})

test('a port of a host answers to fetch, and a closed one says so', async () => {
  const serve = `require('http').createServer((q, r) => r.end(q.method + ' ' + q.socket.localAddress)).listen(8080, '0.0.0.0', () => process.stdout.write('up'))`
  const server = one.spawn(['sh', 'scripts/node.sh', '-e', serve])
  await server.says(/up/)
  await assert.rejects(server.says(/never/, 50), /did not say/)
  const answer = await one.fetch('http://127.0.0.1:8080/', { method: 'PUT', body: 'x' })
  assert.deepEqual([answer.status, answer.text], [200, 'PUT 127.0.0.1'])
  assert.equal((await two.fetch(`http://${one.ip}:8080/`)).text, `GET ${one.ip}`)
  await assert.rejects(two.connect(8080), { code: 'ECONNREFUSED' })
  server.kill()
  assert.equal(await server.exit, 143)
})

test('a power cut ends everything at once; disks come back, /run does not', async () => {
  await one.must(['sh', '-c', 'echo kept >/var/lib/croft/state; echo kept >/etc/new-file; echo lost >/run/state'])
  assert.equal(readFileSync(one.path('/run/state'), 'utf8'), 'lost\n')
  const program = one.spawn(['sleep', '1000'])
  await one.powerCut()
  await program.exit
  assert.equal(one.powered, false)
  assert.equal(readFileSync(one.path('/var/lib/croft/state'), 'utf8'), 'kept\n')
  assert.throws(() => one.exec(['true']), /switched off/)
  await one.powerOn()
  assert.equal(await one.must(['cat', '/var/lib/croft/state']), 'kept\n')
  assert.equal(await one.must(['cat', '/etc/new-file']), 'kept\n')
  assert.notEqual((await one.exec(['test', '-e', '/run/state'])).code, 0)
  assert.equal((await two.exec(['ping', '-c1', '-w5', one.ip])).code, 0)
})

test('libvirt runs on a host, with an identity of its own, also after a power cut', async () => {
  await Promise.all([startLibvirt(one), startLibvirt(two)])
  const virsh = (host: Host, command: string) => host.must(['virsh', '-c', 'qemu:///system', command])
  const identity = async (host: Host) => /<uuid>(.+)<\/uuid>/.exec(await virsh(host, 'capabilities'))?.[1]
  const first = await identity(one)
  assert.match(String(first), /^[0-9a-f-]{36}$/)
  assert.notEqual(await identity(two), first)
  await one.powerCut()
  await one.powerOn()
  await startLibvirt(one)
  assert.equal(await identity(one), first)
})

test('ssh from a host reaches a machine that begins to answer only later', async () => {
  const key = join(bed.dir, 'key')
  await one.must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key])
  await two.must(['useradd', '--create-home', '--home-dir=/var/lib/guest', '--shell=/bin/sh', 'guest'])
  await two.must(['install', '-D', '-o', 'guest', '-m', '600', `${key}.pub`, '/var/lib/guest/.ssh/authorized_keys'])
  await two.must(['chown', 'guest', '/var/lib/guest/.ssh'])
  await two.must(['dropbearkey', '-t', 'ed25519', '-f', '/var/lib/guest/host-key'])
  const answer = one.sshTo(two.ip, key, 'hostname', { user: 'guest', port: 2222 })
  const server = two.spawn(['dropbear', '-F', '-E', '-p', '2222', '-r', '/var/lib/guest/host-key'])
  assert.deepEqual(await answer, { stdout: 'two\n', stderr: '', code: 0 })
  const refused = await one.sshTo(two.ip, '/dev/null', 'true', { user: 'guest', port: 2222, timeout_ms: 1000 })
  assert.equal(refused.code, 255)
  server.kill()
  await server.exit
})

test('a program that takes too long is ended and says so', async () => {
  const outcome = await one.exec(['sleep', '4321'], { timeout_ms: 200 })
  assert.equal(outcome.code, 124)
  assert.match(outcome.stderr, /killed after 200 ms/)
  assert.doesNotMatch(await one.must(['ps', '-eo', 'args']), /4321/)
})

test('two beds side by side do not see each other, and the machine keeps no trace', async () => {
  await using other = await createBed()
  const alone = await other.addHost('one')
  assert.equal(alone.ip, one.ip)
  assert.notEqual((await alone.exec(['ping', '-c1', '-W1', two.ip])).code, 0)
  await alone.must(['touch', '/etc/croft/only-here', '/etc/made-here'])
  assert.notEqual((await one.exec(['test', '-e', '/etc/croft/only-here'])).code, 0)
  assert.equal(existsSync('/etc/made-here'), false)
  assert.deepEqual(
    Object.keys(networkInterfaces()).filter(name => /^(fabric|h\d)/.test(name)),
    [],
  )
})
