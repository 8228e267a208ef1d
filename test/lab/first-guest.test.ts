/**
 * The whole way of a person with an empty machine: `./croft up`, and a guest answers on its floating address. Then that
 * guests do not notice `down` and `up`, nor the death of every daemon.
 */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { type Bed, createBed, type Host } from './bed/bed.ts'

let bed: Bed
let host: Host

before(async () => {
  bed = await createBed()
  host = await bed.addHost('alpha')
})
after(() => bed.close())

// Test hosts have no way outside: packages come from where the image tests put them.
const env = { CROFT_IMAGE_CACHE_DIR: path.join(tmpdir(), 'croft-test-images') }

async function mustCroft(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.exec(['./croft', ...args], { timeout_ms: 240_000, env })
  assert.equal(code, 0, stderr)
  return stdout
}

let address = ''
const key = '/var/lib/croft/ssh/id_ed25519'

/** When the guest booted, by its own clock: changes if it is started anew. */
async function bootTime(): Promise<string> {
  const { code, stdout, stderr } = await host.sshTo(address, key, 'cat /proc/sys/kernel/random/boot_id')
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

void test('from nothing to a guest that answers and that its key opens', async () => {
  const said = await mustCroft('up')
  address = /root@(\S+)/.exec(said)?.[1] ?? ''
  assert.match(address, /^172\.31\.240\.\d+$/, said)
  const { code, stdout, stderr } = await host.sshTo(address, key, 'hostname')
  assert.equal(code, 0, stderr)
  assert.equal(stdout.trim(), 'hello')
})

void test('run again, it finds all there', async () => {
  const before = await bootTime()
  await mustCroft('up')
  assert.equal(await bootTime(), before)
})

void test('down leaves the guest running, and up takes it over', async () => {
  const before = await bootTime()
  await mustCroft('down')
  assert.equal((await host.exec(['pgrep', '-c', 'qemu-system'])).stdout.trim(), '1')
  await mustCroft('up')
  assert.equal(await bootTime(), before)
  assert.match(await mustCroft('instance', 'list'), /hello +running/)
})

void test('with every daemon killed, the guest goes on, and up takes it over', async () => {
  const before = await bootTime()
  const daemons = 'postgres|ovsdb-server|ovs-vswitchd|ovn-northd|ovn-controller|libvirtd|virtlogd|node'
  const pids = (await host.must(['pgrep', '-x', daemons])).trim().split('\n')
  assert(pids.length >= 10, `only ${pids.length} daemons run`)
  await host.must(['kill', '-9', ...pids])
  await mustCroft('up')
  assert.equal(await bootTime(), before)
})

void test('down --guests stop ends it, too, and up with a start brings it back', async () => {
  await mustCroft('down', '--guests', 'stop')
  assert.equal((await host.exec(['pgrep', '-c', 'qemu-system'])).stdout.trim(), '0')
  await mustCroft('up', '--no-guest')
  await mustCroft('instance', 'start', 'hello', '--wait')
  await bootTime()
})
