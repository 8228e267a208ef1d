/**
 * A guest with the QEMU guest agent on a real host: it is seen as it comes and goes, tells its addresses, and has its password
 * set; one whose agent hangs holds up nobody. And the serial log of a guest that writes without end stays bounded.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { instanceRoutes } from '../../src/api/instance.ts'
import type { Console } from './bed/cloud.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { Cloud } from './bed/cloud.ts'
import { imageCache } from './bed/image-cache.ts'

let bed: Bed
let host: Host
let cloud: Cloud
let id = ''
let address = ''

before(async () => {
  await imageCache()
  bed = await createBed()
  host = await bed.addHost('alpha')
  cloud = new Cloud(host)
  const said = await cloud.must('up')
  address = /root@(\S+)/.exec(said)?.[1] ?? ''
  id = (await cloud.instance('hello')).id
})
after(() => bed?.close())

const reset = (...options: string[]) => cloud.croft('instance', 'reset-password', 'hello', ...options)

async function signIn(console: Console, password: string): Promise<void> {
  console.type('\r')
  await console.says(/login: $/)
  console.type('root\r')
  await console.says(/Password: $/)
  console.type(`${password}\r`)
}

void test('the agent is seen, and through it the address and the system', async () => {
  const seen = await cloud.until(id, found => found.guest_addresses.length > 0, 'seen by its agent')
  assert.equal(seen.guest_agent, 'connected')
  assert.deepEqual(
    seen.guest_addresses,
    seen.addresses.map(one => one.address),
  )
  assert.match(seen.guest_os ?? '', /Tiny/i)
})

void test('reset-password makes one, says it once, and it opens the console', async () => {
  const { code, stdout, stderr } = await reset()
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^[A-Za-z2-9]{20}\n$/)
  assert.match(stderr, /password of root in hello/)
  // Before it is typed: a guest that asks for it and only then stops to echo would show it on its console.
  const traces = await host.exec(['grep', '-rlF', stdout.trim(), '/var/lib/croft', '/var/log', '/run/croft'])
  assert.equal(traces.stdout, '', 'on no disk of the host')
  const console = await cloud.console(id)
  await signIn(console, 'not this one')
  await console.says(/incorrect/)
  await signIn(console, stdout.trim())
  console.type('echo six times seven is $((6*7))\r')
  await console.says(/is 42\s/)
  console.close()
})

void test('a user that is not there is refused in words', async () => {
  const { code, stderr } = await reset('--user', 'nobody-here')
  assert.notEqual(code, 0)
  assert.match(stderr, /no such user/)
})

void test('an agent that hangs is told of within seconds, and everything else goes on', async () => {
  const hang = 'kill $(cat /run/qemu-ga.pid); while pidof qemu-ga >/dev/null; do sleep 1; done'
  // Holds the channel open and never reads from it.
  const deaf = 'sleep 6000 3<>$(ls /dev/vport*) >/dev/null 2>&1 </dev/null & sleep 1; pidof sleep'
  await cloud.mustSsh(address, `${hang}; ${deaf}`)
  await cloud.until(id, found => found.guest_agent === 'connected', 'seen with its new agent')
  const begun = Date.now()
  const hung = reset()
  const client = await cloud.client()
  const other = await cloud.instance('hello')
  const { image_id, flavor_id } = other
  assert(image_id)
  const { items } = await client.call(instanceRoutes.create, { body: { name: 'beside', image_id, flavor_id } })
  const { code, stderr } = await hung
  assert.notEqual(code, 0)
  assert.match(stderr, /did not answer in time/)
  assert(Date.now() - begun < 30_000, `${Date.now() - begun} ms`)
  await cloud.untilState(items[0]?.id ?? '', 'running')
  await cloud.must('instance', 'delete', 'beside', '--purge', '--wait')
})

void test('without an agent it says what to do', async () => {
  await cloud.mustSsh(address, 'kill $(pidof sleep)')
  await cloud.until(id, found => found.guest_agent === 'disconnected', 'without its agent')
  assert.deepEqual((await cloud.instance('hello')).guest_addresses, [])
  const { code, stderr } = await reset()
  assert.notEqual(code, 0)
  assert.match(stderr, /install qemu-guest-agent/)
})

void test('a log without end takes no more of the host’s disk than its bound, and can be followed across it', async () => {
  const flood = 'dd if=/dev/zero bs=64k count=34 2>/dev/null | tr "\\0" x | fold -w 99'
  const follow = cloud.logged(id, /END OF THE FLOOD/)
  await cloud.mustSsh(address, `(${flood}; echo END OF THE FLOOD) >/dev/console 2>/dev/null </dev/null &`)
  await follow
  const sizes = await host.must(['sh', '-c', `stat -c %s /var/lib/croft/agent/console/${id}.log*`])
  const bytes = sizes.trim().split('\n').map(Number)
  // virtlogd's own bound, as Debian has it: 2 MiB, and three older ones.
  assert(bytes.length > 1 && bytes.length <= 4, sizes)
  assert(
    bytes.every(size => size <= 2 * 1024 ** 2),
    sizes,
  )
})

const following = () => host.exec(['./croft', 'instance', 'log', 'hello', '--follow'], { timeout_ms: 240_000 })

void test('following a log goes on over a reboot, and ends when the guest is stopped or deleted', async () => {
  const begun = following()
  await cloud.must('instance', 'reboot', 'hello', '--wait')
  await cloud.logged(id, /TINY READY .*boots=2 /)
  await cloud.must('instance', 'stop', 'hello', '--wait')
  const followed = await begun
  assert.equal(followed.code, 0, followed.stderr)
  assert.match(followed.stdout, /TINY READY .*boots=2 [^]*TINY DOWN/)
  const off = await following()
  assert.equal(off.code, 0, 'of a guest that is off, it shows what there is')
  await cloud.must('instance', 'start', 'hello', '--wait')
  const client = await cloud.client()
  const again = await client.stream(instanceRoutes.log, { params: { instance: id }, query: { follow: true } })
  const ended = new Response(again).text()
  await cloud.must('instance', 'delete', 'hello', '--purge', '--wait')
  assert.match(await ended, /TINY DOWN/)
})
