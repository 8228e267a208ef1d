/**
 * The whole way of a person with an empty machine: `./croft up`, and a guest answers on its floating address. Then all that
 * a guest's user relies on: its address, its metadata, its log and console, who reaches it and whom it reaches, its whole
 * life to the purge, and that nothing of it is left; and that guests do not notice `down` and `up`.
 */
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { floatingIpRoutes } from '../../src/api/floating-ip.ts'
import { instanceRoutes } from '../../src/api/instance.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { Cloud } from './bed/cloud.ts'
import { isoSays, makeBootIso } from './bed/boot-iso.ts'
import { imageCache } from './bed/image-cache.ts'
import type { Running } from './bed/namespace.ts'
import { leftInTheEnd, leftOf, qemuPids } from './bed/traces.ts'

let bed: Bed
let host: Host
let cloud: Cloud
let outside: Running

/** A web server outside of the cloud, that tells its visitors where they come from. */
const outside_server = `
  const http = require('http')
  http.createServer((asked, answer) => answer.end('from ' + asked.socket.remoteAddress))
    .listen(8080, '0.0.0.0', () => console.log('up'))`

before(async () => {
  await imageCache()
  bed = await createBed()
  host = await bed.addHost('alpha')
  cloud = new Cloud(host)
  outside = bed.fabric.spawn(['sh', 'scripts/node.sh', '-e', outside_server], path.join(bed.dir, 'outside.log'))
  await outside.says(/up/)
})
after(async () => {
  outside?.kill()
  await bed?.close()
})

let address = ''
let hello = ''
const boots = /TINY READY .*boots=(\d+)/

void test('up makes a cloud with a guest that answers, and tells the password once', async () => {
  const said = await cloud.must('up')
  assert.equal(said.match(/password {2}\S{20,}/g)?.length, 1, said)
  address = /root@(\S+)/.exec(said)?.[1] ?? ''
  assert.match(address, /^172\.31\.240\.\d+$/, said)
  await host.must(['ping', '-c1', '-W5', address])
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
})

void test('run again, it finds all there and tells no password', async () => {
  const before = await qemuPids(host)
  assert(!(await cloud.must('up')).includes('password'))
  assert.deepEqual(await qemuPids(host), before)
})

void test('the guest has the address that the API says, by DHCP, and its name by the config drive', async () => {
  const { id, addresses } = await cloud.instance('hello')
  hello = id
  assert.equal(addresses.length, 1)
  assert.equal(addresses[0]?.floating_address, address)
  const [, bound] = await cloud.logged(id, /TINY DHCP eth0 bound ([\d.]+)\//)
  assert.equal(bound, addresses[0]?.address)
  await cloud.logged(id, /TINY READY hostname=hello datasource=config-drive boots=1 /)
  assert.match(await cloud.mustSsh(address, 'ip -4 -o addr show eth0'), new RegExp(` ${bound}/`))
  assert.match(await cloud.must('instance', 'log', 'hello'), /TINY READY/)
})

void test('its console takes what is typed and shows what the guest answers', async () => {
  const console = await cloud.console(hello)
  console.type('\r')
  await console.says(/#/)
  console.type('echo six times seven is $((6*7))\r')
  await console.says(/is 42\s/)
  console.close()
})

void test('it reaches the outside through the host, under the host’s address', async () => {
  const there = `wget -q -O - http://${bed.fabric.gateway}:8080/`
  assert.equal(await cloud.mustSsh(address, `timeout 20 ${there}`), `from ${host.ip}`)
})

void test('a guest without a config drive is set up by the metadata service', async () => {
  const client = await cloud.client()
  const { flavor_id, image_id } = await cloud.instance('hello')
  assert(image_id)
  const body = { name: 'other', flavor_id, image_id, config_drive: false, key_names: ['croft'] }
  const { items } = await client.call(instanceRoutes.create, { body })
  assert(items[0])
  await cloud.logged(items[0].id, /TINY READY hostname=other datasource=openstack boots=1 /)
})

void test('guests reach each other as their security groups say, at once when these change', async () => {
  const other = (await cloud.instance('other')).addresses[0]?.address
  const ping = (tries: string) =>
    cloud.ssh(address, `for i in ${tries}; do ping -c1 -W2 ${other} && exit 0; done; exit 1`)
  assert.equal((await ping('1')).code, 1, 'the default group lets nobody else in')
  await cloud.must('security-group', 'rule', 'add', 'default', 'icmp')
  assert.equal((await ping('1 2 3 4 5')).code, 0)
  const web = await cloud.mustSsh(address, `timeout 3 wget -q -O - http://${other}/ || echo kept out`)
  assert.equal(web, 'kept out', 'only what the rule allows')
})

void test('the other guest gets a floating address of its own while it runs', async () => {
  const client = await cloud.client()
  const { id } = await cloud.instance('other')
  const floating = await client.call(floatingIpRoutes.create, { body: { instance_id: id } })
  await host.must(['ping', '-c3', '-W5', floating.address])
  // Dropped, not refused: nothing ever answers.
  const knock = await host.exec(['bash', '-c', `exec 3<>/dev/tcp/${floating.address}/22`], { timeout_ms: 2000 })
  assert.equal(knock.code, 124, 'the rule lets pings in, not ssh')
})

void test('reboot, stop and start, each seen from inside', async () => {
  const { id } = await cloud.instance('other')
  await cloud.must('instance', 'reboot', 'other', '--wait')
  await cloud.logged(id, /TINY READY .*boots=2 /)
  await cloud.must('instance', 'stop', 'other', '--wait')
  assert.equal((await qemuPids(host)).length, 1)
  await cloud.must('instance', 'start', 'other', '--wait')
  await cloud.logged(id, /TINY READY .*boots=3 /)
})

void test('deleted it can be recovered; purged, nothing of it is left on the host', async () => {
  const { id, addresses } = await cloud.instance('other')
  const port_id = addresses[0]?.port_id ?? ''
  await cloud.must('instance', 'delete', id, '--wait')
  assert.equal((await qemuPids(host)).length, 1)
  await cloud.must('instance', 'recover', id, '--wait')
  await cloud.must('instance', 'start', id, '--wait')
  await cloud.logged(id, /TINY READY .*boots=4 /)
  assert.notDeepEqual(await leftOf(host, id, port_id), [])
  await cloud.must('instance', 'delete', id, '--purge', '--keep-root', '--wait')
  assert.deepEqual(await leftInTheEnd(host, id, port_id), [])
})

void test('another starts from the root disk that was kept, beside an ephemeral and a swap disk that it finds', async () => {
  const sizes = ['--vcpus', '1', '--memory-mib', '192', '--disk-gib', '1', '--ephemeral-gib', '2', '--swap-mib', '64']
  await cloud.must('flavor', 'create', 'disks', ...sizes)
  await cloud.must('instance', 'create', 'heir', '--flavor', 'disks', '--boot-volume', 'other root', '--wait')
  const { id } = await cloud.instance('heir')
  // Its own name and boots=5: the content is the one that four boots of the other have left.
  await cloud.logged(id, /TINY READY hostname=heir datasource=config-drive boots=5 /)
  const console = await cloud.console(id)
  console.type('\r')
  await console.says(/#/)
  console.type('blkid /dev/vdb; blkid /dev/vdc; wc -c /dev/vdc\r')
  await console.says(/vdb: LABEL="ephemeral0"[^]*vdc: LABEL="swap0"[^]*67108864 \/dev\/vdc/)
  console.close()
})

void test('from an ISO, whose image is deleted meanwhile, and from the network', async () => {
  const iso = await makeBootIso(bed.dir)
  await cloud.must('image', 'create', 'installer', '--file', iso, '--wait')
  await cloud.must('instance', 'create', 'installing', '--flavor', 'disks', '--image', 'installer', '--wait')
  await cloud.must('instance', 'create', 'booting', '--flavor', 'disks', '--boot', 'network', '--wait')
  const { id } = await cloud.instance('installing')
  await cloud.logged(id, isoSays)
  await cloud.must('image', 'delete', 'installer')
  await cloud.must('instance', 'reboot', 'installing', '--hard', '--wait')
  await cloud.logged(id, /STARTED[^]*STARTED/)
  for (const name of ['heir', 'installing', 'booting'])
    await cloud.must('instance', 'delete', name, '--purge', '--wait')
  const { stdout } = await host.exec(['ls', '/var/lib/croft/agent/pool/volumes'])
  assert.equal(stdout.split('\n').filter(Boolean).length, 2, `hello's root disk and the kept one: ${stdout}`)
  await cloud.must('volume', 'delete', 'other root', '--wait')
  assert.equal(await cloud.must('volume', 'list', '--state', 'available', '--json'), '[]\n')
})

void test('croft instance ssh finds the address and the key by itself', async () => {
  assert.equal((await cloud.must('instance', 'ssh', 'hello', '--', 'hostname')).trim(), 'hello')
})

void test('down leaves the guest running, and up takes it over', async () => {
  const before = await qemuPids(host)
  await cloud.must('down')
  assert.deepEqual(await qemuPids(host), before)
  await cloud.must('up')
  assert.deepEqual(await qemuPids(host), before)
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
  assert.equal(boots.exec(await cloud.must('instance', 'log', 'hello'))?.[1], '1')
})

void test('down --guests stop ends it, too, and up brings it back', async () => {
  await cloud.must('down', '--guests', 'stop')
  assert.deepEqual(await qemuPids(host), [])
  await cloud.must('up')
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
})

void test('what its owner deletes of the first cloud stays deleted, whatever up is run for', async () => {
  await cloud.must('instance', 'delete', 'hello', '--purge', '--wait')
  await cloud.must('image', 'delete', 'tiny')
  await cloud.must('key-pair', 'delete', 'croft')
  const said = await cloud.croft('up')
  assert.equal(said.code, 0, said.stderr)
  assert.equal(said.stderr.match(/was deleted, and stays so/g)?.length, 1, said.stderr)
  for (const noun of ['instance', 'image', 'key-pair'])
    assert.equal(await cloud.must(noun, 'list', '--json'), '[]\n', noun)
  assert.deepEqual(await qemuPids(host), [])
})
