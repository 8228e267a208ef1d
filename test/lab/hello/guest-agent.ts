/**
 * A guest with the QEMU guest agent on a real host: it is seen as it comes and goes, tells of itself, has its password set and commands
 * run; one whose agent hangs holds up nobody. And the serial log of a guest that writes without end stays bounded.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { Guest } from '../../../src/api/instance-guest.ts'
import type { Host } from '../bed/bed.ts'
import type { Cloud, Console } from '../bed/cloud.ts'
import { world } from './world.ts'

let host: Host
let cloud: Cloud
let id = ''
let address = ''

before(async () => {
  ;({ host, cloud, id, address } = await world())
})

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

const exec = (...words: string[]) => cloud.croft('instance', 'exec', ...words)

void test('asked, it tells of its system, its addresses and its file systems', async () => {
  const guest = JSON.parse(await cloud.must('instance', 'guest', 'hello', '--json')) as Guest
  assert.match(guest.os?.name ?? '', /Tiny/i)
  assert.match(guest.os?.kernel ?? '', /^\d+\./)
  assert.match(guest.agent_version ?? '', /^\d+\.\d+/)
  assert.equal(guest.hostname, 'hello')
  assert.equal(guest.runs_commands, true)
  const said = guest.interfaces.flatMap(one => one.addresses.map(each => each.address))
  for (const { address: one } of (await cloud.instance('hello')).addresses) assert(said.includes(one), one)
  const root = guest.file_systems.find(one => one.mount === '/')
  assert(root?.total_bytes && root.used_bytes && root.used_bytes <= root.total_bytes, JSON.stringify(guest))
  const told = await cloud.must('instance', 'guest', 'hello')
  assert.match(told, /File systems:\nMOUNT .*\n\/ /)
})

void test('a command runs there without a shell, and its code, outputs and signal come back', async () => {
  const plain = await exec('hello', '--', 'echo', '$HOME; "a b"', '*')
  assert.deepEqual([plain.code, plain.stdout, plain.stderr], [0, '$HOME; "a b" *\n', ''])
  const shell = await exec('hello', '--env', 'WORD=here', '--', 'sh', '-c', 'echo $WORD; echo there >&2; exit 7')
  assert.deepEqual([shell.code, shell.stdout, shell.stderr], [7, 'here\n', 'there\n'])
  const killed = await exec('hello', '--', 'sh', '-c', 'kill -9 $$')
  assert.equal(killed.code, 137, killed.stderr)
  const fed = await host.must(['sh', '-c', 'printf "line\\n" | ./croft instance exec hello --stdin -- cat'])
  assert.equal(fed, 'line\n')
  const none = await exec('hello', '--', 'no-such-program')
  assert.equal(none.code, 255)
  assert.match(none.stderr, /did not start the command.*[Nn]o such file/)
  const applications = await cloud.must('instance', 'guest', 'hello', '--applications')
  assert.equal(applications, '', 'tiny has no package manager')
})

void test('a command that takes too long goes on; one that writes a lot is cut off', async () => {
  const late = await exec('hello', '--timeout', '1', '--', 'sh', '-c', 'sleep 3; echo done >/run/went-on')
  assert.equal(late.code, 255)
  assert.match(late.stderr, /goes on in the guest, as process \d+/)
  const lot = JSON.parse((await exec('hello', '--json', '--', 'head', '-c', '2000000', '/dev/zero')).stdout)
  assert.deepEqual([lot.exit_code, lot.stdout.length, lot.truncated], [0, 1024 ** 2, true])
  // More than libvirt takes from an agent, which would never be heard again: it is cut off before.
  const flood = 'head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; exit 5'
  const flooded = JSON.parse((await exec('hello', '--json', '--', 'sh', '-c', flood)).stdout)
  assert.deepEqual([flooded.exit_code, flooded.stdout.length, flooded.stderr.length], [5, 1024 ** 2, 1024 ** 2])
  assert.equal(flooded.truncated, true)
  assert.equal((await exec('hello', '--', 'ls', '/tmp', '/dev/shm')).stdout.includes('croft-'), false)
  await cloud.mustSsh(address, 'until [ -e /run/went-on ]; do sleep 0.2; done')
  assert.equal((await exec('hello', '--', 'cat', '/run/went-on')).stdout, 'done\n')
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
  const port = 'port=$(basename $(dirname $(grep -l guest_agent /sys/class/virtio-ports/*/name)))'
  const deaf = 'sleep 6000 3<>/dev/$port >/dev/null 2>&1 </dev/null & sleep 1; pidof sleep'
  await cloud.mustSsh(address, `${hang}; ${port}; ${deaf}`)
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
  const unheard = await exec('hello', '--', 'true')
  assert.equal(unheard.code, 255)
  assert.match(unheard.stderr, /did not answer in time/)
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
  const unrun = await exec('hello', '--', 'true')
  assert.match(unrun.stderr, /install qemu-guest-agent/)
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
  const boots = Number(await cloud.mustSsh(address, 'cat /var/lib/tiny/boots')) + 1
  const begun = following()
  await cloud.must('instance', 'reboot', 'hello', '--wait')
  await cloud.logged(id, new RegExp(`TINY READY .*boots=${boots} `))
  await cloud.must('instance', 'stop', 'hello', '--wait')
  const followed = await begun
  assert.equal(followed.code, 0, followed.stderr)
  assert.match(followed.stdout, new RegExp(`TINY READY .*boots=${boots} [^]*TINY DOWN`))
  const off = await following()
  assert.equal(off.code, 0, 'of a guest that is off, it shows what there is')
  await cloud.must('instance', 'start', 'hello', '--wait')
  const client = await cloud.client()
  const again = await client.stream(instanceRoutes.log, { params: { instance: id }, query: { follow: true } })
  const ended = new Response(again).text()
  await cloud.must('instance', 'delete', 'hello', '--purge', '--wait')
  assert.match(await ended, /TINY DOWN/)
})
