/**
 * The debian-12 image, built and booted as a cloud's user has it: cloud-init finishes, its key opens ssh through the floating
 * address, its guest agent is seen, sets a password and tells addresses and system. Takes minutes under emulation.
 */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { buildOnce } from '../../../src/images/build-once.ts'
import type { Instance } from '../../../src/api/instance.ts'
import { type Bed, createBed, type Host } from '../../lab/bed/bed.ts'
import { Cloud, ssh_key } from '../../lab/bed/cloud.ts'
import { checkout } from '../../lab/bed/namespace.ts'

const boot_within_ms = 600_000

describe('images/debian-12', () => {
  let bed: Bed
  let host: Host
  let cloud: Cloud
  let image = ''
  let address = ''
  let guest: Instance
  const begun_ms = performance.now()
  const say = (what: string) => console.log(`  ${what} after ${Math.round((performance.now() - begun_ms) / 1000)} s`)

  before(async () => {
    const work_dir = join(checkout, '.state', 'images')
    await mkdir(work_dir, { recursive: true })
    image = join(work_dir, 'debian-12.qcow2')
    const built = await buildOnce('debian-12', { work_dir, out: image })
    assert(built.size_bytes < 250_000_000, `${built.size_bytes} bytes`)
    say('built')
    bed = await createBed()
    host = await bed.addHost('alpha')
    cloud = new Cloud(host)
    await cloud.must('up')
    await cloud.must('instance', 'delete', 'hello', '--purge', '--wait')
  })
  after(() => bed?.close())

  const inGuest = (command: string) =>
    host.exec(
      ['ssh', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'].concat(
        '-o',
        'BatchMode=yes',
        '-o',
        'ConnectTimeout=15',
        '-i',
        ssh_key,
        `debian@${address}`,
        command,
      ),
      { timeout_ms: boot_within_ms },
    )
  async function must(command: string): Promise<string> {
    const { code, stdout, stderr } = await inGuest(command)
    assert.equal(code, 0, `${command}: ${stderr}`)
    return stdout.trim()
  }

  test('boots to the end of cloud-init', { timeout: boot_within_ms }, async () => {
    await cloud.must('image', 'create', 'debian-12', '--file', image, '--wait')
    await cloud.must('flavor', 'create', 'deb', '--vcpus', '1', '--memory-mib', '512', '--disk-gib', '4')
    await cloud.must(
      'instance',
      'create',
      'deb',
      '--image',
      'debian-12',
      '--flavor',
      'deb',
      '--key-name',
      'croft',
      '--wait',
    )
    await cloud.must('security-group', 'rule', 'add', 'default', 'tcp:22')
    await cloud.must('floating-ip', 'create', '--instance', 'deb')
    guest = await cloud.instance('deb')
    address = guest.addresses[0]?.floating_address ?? ''
    await cloud.logged(guest.id, /login: /, boot_within_ms)
    say('a login prompt')
    await cloud.logged(guest.id, /Cloud-init v\. .* finished/, boot_within_ms)
    say('cloud-init finished')
  })

  test('its key opens ssh, and cloud-init has done its work', { timeout: boot_within_ms }, async () => {
    assert.match(await must('cloud-init status --wait'), /status: done/)
    assert.equal(await must('hostname'), 'deb')
    assert.match(await must('sudo id -u'), /^0$/)
    assert.match(await must('cloud-init query platform'), /openstack|configdrive/i)
    assert(Number(await must('df --output=size -m / | tail -1')) > 3500, 'grown to its disk')
  })

  test('its agent tells addresses and system, and sets a password', { timeout: boot_within_ms }, async () => {
    const seen = await cloud.until(guest.id, found => found.guest_addresses.length > 0, 'seen by its agent')
    assert.equal(seen.guest_agent, 'connected')
    assert.deepEqual(
      seen.guest_addresses,
      seen.addresses.map(one => one.address),
    )
    assert.match(seen.guest_os ?? '', /Debian GNU\/Linux 12/)
    const before = await must('sudo getent shadow debian')
    const password = (await cloud.must('instance', 'reset-password', 'deb', '--user', 'debian')).trim()
    assert.notEqual(await must('sudo getent shadow debian'), before)
    const seat = await cloud.console(guest.id)
    seat.type('\r')
    await seat.says(/login: $/, boot_within_ms)
    seat.type('debian\r')
    await seat.says(/Password: $/, boot_within_ms)
    seat.type(`${password}\r`)
    await seat.says(/debian@deb:~\$ $/, boot_within_ms)
    seat.close()
    say('the password works')
  })

  test('it powers off when asked', { timeout: boot_within_ms }, async () => {
    await cloud.must('instance', 'stop', 'deb', '--wait')
    say('off')
  })
})
