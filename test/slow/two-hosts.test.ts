/**
 * A second host joins a cloud that `./croft up` made on the first: mutual TLS between agent and controller, guests of one
 * network on both hosts, log and console through the controller; and the second host's power cut: unknown, and back.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hostRoutes } from '../../src/api/host.ts'
import { instanceRoutes } from '../../src/api/instance.ts'
import { type Bed, createBed, type Host } from '../lab/bed/bed.ts'
import { Cloud } from '../lab/bed/cloud.ts'
import { imageCache } from '../lab/bed/image-cache.ts'
import { bootSysvinit, haveSysvinit } from '../lab/bed/services.ts'
import { leftInTheEnd, qemuPids } from '../lab/bed/traces.ts'
import { eventually } from '../support/eventually.ts'

let bed: Bed
let alpha: Host
let beta: Host
let cloud: Cloud
let address = ''
let away = ''

const between = (host: Host) => ['--cluster-address', host.ip, '--tunnel-nic', 'eth0']

before(async () => {
  await imageCache()
  bed = await createBed()
  alpha = await bed.addHost('alpha')
  beta = await bed.addHost('beta')
  await haveSysvinit(beta)
  cloud = new Cloud(alpha)
  await cloud.must('up', ...between(alpha))
  address = (await cloud.instance('hello')).addresses[0]?.floating_address ?? ''
})
after(() => bed?.close())

async function hostNamed(name: string) {
  const client = await cloud.client()
  const { items } = await client.call(hostRoutes.list, { query: { name } })
  assert(items[0], `there is no host ${name}`)
  return items[0]
}

void test('a host joins with the command that its invitation gives, and its token is good for no other', async () => {
  const client = await cloud.client()
  const { command, token } = await client.call(hostRoutes.invite, { body: {} })
  const [program = '', ...args] = command.split(' ')
  assert.equal(program, './croft')
  await new Cloud(beta).must(...args, ...between(beta))
  const joined = await cloud.untilHost((await hostNamed('beta')).id, 'up')
  assert.match(JSON.stringify(joined.facts), /"datapath":"netdev"/)
  assert(!command.includes(' 127.0.0.1'), command)
  assert.match(token, /^croft1\./)
  assert.equal((await qemuPids(beta)).length, 0)
})

void test('the second host is in the southbound database by its certificate; nobody gets there without one', async () => {
  const { id } = await hostNamed('beta')
  const show = (remote: string, ...options: string[]) =>
    beta.exec([
      'ovn-sbctl',
      `--db=${remote}:${alpha.ip}:6642`,
      '--timeout=5',
      ...options,
      '--columns=name',
      'list',
      'Chassis',
    ])
  const state = '/var/lib/croft/agent'
  const files = ['private-key=key', 'certificate=certificate', 'ca-cert=ca'].map(
    each => each.split('=') as [string, string],
  )
  const own = files.map(([option, file]) => `--${option}=${state}/${file}.pem`)
  const { code, stdout, stderr } = await show('ssl', ...own)
  assert.equal(code, 0, stderr)
  assert(stdout.includes(id), stdout)
  assert.notEqual((await show('tcp')).code, 0)
  await beta.must([
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    `/CN=${id}`,
    '-keyout',
    '/tmp/k',
    '-out',
    '/tmp/c',
  ])
  assert.notEqual(
    (await show('ssl', '--private-key=/tmp/k', '--certificate=/tmp/c', `--ca-cert=${state}/ca.pem`)).code,
    0,
  )
})

void test('an instance is made there, is set up, and shows its log and console through the controller', async () => {
  const client = await cloud.client()
  const { flavor_id, image_id } = await cloud.instance('hello')
  const { id: host_id } = await hostNamed('beta')
  assert(image_id)
  const made = await client.call(instanceRoutes.create, { body: { name: 'away', flavor_id, image_id, host_id } })
  away = made.items[0]?.id ?? ''
  assert.equal((await cloud.untilState(away, 'running')).host, 'beta')
  await cloud.logged(away, /TINY READY hostname=away .*boots=1 /)
  assert.equal((await qemuPids(beta)).length, 1)
  const console = await cloud.console(away)
  console.type('\r')
  await console.says(/#/)
  console.type('echo $((6*7)) is it\r')
  await console.says(/42 is it/)
  console.close()
})

void test('guests of both hosts reach each other, with whole frames', async () => {
  const client = await cloud.client()
  const { addresses } = await client.call(instanceRoutes.get, { params: { instance: away } })
  await cloud.must('security-group', 'rule', 'add', 'default', 'icmp')
  await cloud.must('security-group', 'rule', 'add', 'default', 'tcp:80')
  const there = addresses[0]?.address
  await cloud.mustSsh(address, `ping -c3 -W2 -s 1400 ${there}`)
  assert.equal(await cloud.mustSsh(address, `timeout 10 wget -q -O - http://${there}/`), 'away')
})

void test('the way outside stays on the first host: a floating address of the second one’s guest answers', async () => {
  await cloud.must('floating-ip', 'create', '--instance', 'away')
  const floating = (await cloud.instance('away')).addresses[0]?.floating_address
  await alpha.must(['ping', '-c5', '-W2', String(floating)])
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
})

void test('a power cut of the second host: its guest is unknown, not off, and comes back by itself', async () => {
  const { id } = await hostNamed('beta')
  await beta.powerCut()
  await cloud.untilHost(id, 'unreachable')
  assert.equal((await cloud.untilState(away, 'unknown')).wanted_power, 'running')
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
  await beta.powerOn()
  await bootSysvinit(beta)
  await cloud.untilHost(id, 'up')
  await cloud.untilState(away, 'running')
  await cloud.logged(away, /TINY READY hostname=away .*boots=2 /)
  const there = (await cloud.instance('away')).addresses[0]?.address
  await cloud.mustSsh(address, `ping -c5 -W2 ${there}`)
})

void test('purged, nothing is left there; and the host leaves, with all that Croft put there', async () => {
  const { addresses } = await cloud.instance('away')
  await cloud.must('instance', 'delete', 'away', '--purge', '--wait')
  assert.deepEqual(await leftInTheEnd(beta, away, addresses[0]?.port_id ?? away), [])
  const { id } = await hostNamed('beta')
  const said = await new Cloud(beta).must('host', 'leave')
  assert.match(said, /^This machine is no host any more\.\n(Still there: \S+\/locks: [^\n]+\n)?$/)
  const [files, running, tls] = await Promise.all([
    beta.must(['find', '/var/lib/croft/agent', '-type', 'f']),
    beta.must(['ps', '-axo', 'args']),
    beta.must(['ovs-vsctl', 'get-ssl']),
  ])
  assert.equal(files.trim(), '')
  assert.doesNotMatch(running, /src\/agent\/|ovn-controller/)
  assert.equal(tls.trim(), '')
  // Its ovn-controller was ended without a word to the southbound database.
  await eventually(async () => {
    const chassis = await alpha.must(['ovn-sbctl', '--no-leader-only', '--columns=name', 'list', 'Chassis'])
    assert(!chassis.includes(id), chassis)
  }, 90_000)
})
