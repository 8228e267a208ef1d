import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { configDriveFiles, createConfigDrives } from '../../../src/agent/drivers/guest/config-drive.ts'
import { createMetadataService, findAsker } from '../../../src/agent/drivers/guest/metadata-service.ts'
import { runProgram } from '../../../src/lib/linuxnet/program.ts'
import type { WantedInstance, WantedPort } from '../../../src/protocol/wanted.ts'
import { manualClock, quiet, uuid, wantedInstance } from './fakes.ts'

function port(n: number, network: number, address: string): WantedPort {
  return {
    port_id: uuid(n),
    network_id: uuid(network),
    mac: `fa:16:3e:00:00:${n.toString(16)}`,
    mtu: 1442,
    addresses: [{ address, prefix_length: address.includes(':') ? 64 : 24, gateway: null }],
    dns: ['10.0.0.2'],
    model: 'virtio',
  }
}

function named(n: number, name: string, ports: WantedPort[]): WantedInstance {
  const plain = wantedInstance({ id: uuid(n), ports, config_drive: true })
  const public_keys = [{ name: 'laptop', public_key: 'ssh-ed25519 AAAA me' }]
  const user_data = Buffer.from('#!/bin/sh\necho hi\n').toString('base64')
  return {
    ...plain,
    metadata: { ...plain.metadata, hostname: name, name, public_keys, user_data, floating_addresses: ['192.0.2.9'] },
  }
}

const one = named(1, 'one', [port(10, 100, '10.0.0.5'), port(11, 101, 'fd00::5')])
const two = named(2, 'two', [port(12, 101, '10.0.0.5')])

test('config drive: OpenStack and EC2 layouts', () => {
  const files = configDriveFiles(one)
  const text = (name: string) => files.get(name)?.toString() ?? ''
  const meta = JSON.parse(text('openstack/latest/meta_data.json')) as Record<string, unknown>
  assert.deepEqual([meta.uuid, meta.hostname], [uuid(1), 'one'])
  assert.deepEqual(meta.public_keys, { laptop: 'ssh-ed25519 AAAA me\n' })
  assert.equal(text('openstack/2018-08-27/user_data'), '#!/bin/sh\necho hi\n')
  const network = JSON.parse(text('openstack/latest/network_data.json')) as Record<string, { [key: string]: unknown }[]>
  assert.deepEqual(
    network.links?.map(link => [link.id, link.ethernet_mac_address, link.mtu]),
    [
      ['tap0', 'fa:16:3e:00:00:a', 1442],
      ['tap1', 'fa:16:3e:00:00:b', 1442],
    ],
  )
  assert.deepEqual(
    network.networks?.map(each => each.type),
    ['ipv4_dhcp', 'ipv6'],
  )
  const ec2 = JSON.parse(text('ec2/latest/meta-data.json')) as Record<string, unknown>
  assert.equal(ec2['local-ipv4'], '10.0.0.5')
  assert.ok(files.has('ec2/latest/user-data'))
})

test('what a guest mounts by itself is named in both layouts, as its domain has it', () => {
  const disk = (n: number, role: 'root' | 'ephemeral' | 'swap' | 'cdrom', bus: 'virtio' | 'sata' = 'virtio') =>
    ({ volume_id: uuid(n), role, size_gib: 1, image: null, bus }) as const
  const disks = [disk(30, 'root'), disk(31, 'ephemeral'), disk(32, 'swap'), disk(1, 'cdrom', 'sata')]
  const files = configDriveFiles({ ...one, disks })
  const read = (name: string) => JSON.parse(files.get(name)?.toString() ?? '') as Record<string, unknown>
  assert.deepEqual(read('ec2/latest/meta-data.json')['block-device-mapping'], {
    ami: 'vda',
    ephemeral0: '/dev/vdb',
    root: '/dev/vda',
    swap: '/dev/vdc',
  })
  const { devices } = read('openstack/latest/meta_data.json') as { devices: Record<string, unknown>[] }
  assert.deepEqual(
    devices.map(each => [each.path, each.bus, each.serial, each.tags]),
    [
      ['/dev/vda', 'virtio', uuid(30), ['root']],
      ['/dev/vdb', 'virtio', uuid(31), ['ephemeral']],
      ['/dev/vdc', 'virtio', uuid(32), ['swap']],
    ],
  )
  const scsi = configDriveFiles({ ...one, disks: [{ ...disk(30, 'root'), bus: 'scsi' }] })
  const mapping = JSON.parse(scsi.get('ec2/latest/meta-data.json')?.toString() ?? '') as Record<string, unknown>
  assert.deepEqual(mapping['block-device-mapping'], { ami: 'sda', root: '/dev/sda' })
})

test('config drive: an ISO labelled config-2 that holds them', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'croft-drive-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const drives = createConfigDrives(directory)
  await mkdir(join(directory, 'new-killed', 'root'), { recursive: true })
  const path = await drives.prepare(one)
  assert.ok(path !== null)
  assert.deepEqual(await readdir(directory), [basename(path)], 'what a killed agent left is gone')
  assert.match(await runProgram(['isoinfo', '-d', '-i', path]), /Volume id: config-2/)
  const read = await runProgram(['isoinfo', '-J', '-i', path, '-x', '/openstack/latest/meta_data.json'])
  assert.equal((JSON.parse(read) as { name: string }).name, 'one')
  await drives.remove(uuid(1))
  await drives.remove(uuid(1))
  assert.equal(await drives.prepare({ ...one, config_drive: false }), null)
})

test('who asks is known by network and address together', () => {
  const find = (network: number, address: string) =>
    findAsker([one, two], { network_id: uuid(network), address })?.metadata.hostname ?? null
  assert.equal(find(100, '10.0.0.5'), 'one')
  assert.equal(find(101, '10.0.0.5'), 'two')
  assert.equal(find(101, '::ffff:10.0.0.5'), 'two')
  assert.equal(find(101, 'fd00:0::5'), 'one')
  assert.equal(find(100, '10.0.0.6'), null)
  assert.equal(find(102, '10.0.0.5'), null)
  assert.equal(find(100, ''), null)
  assert.equal(findAsker([{ ...one, power: 'deleted' }], { network_id: uuid(100), address: '10.0.0.5' }), null)
  const twins = [one, named(3, 'twin', [port(13, 100, '10.0.0.5')])]
  assert.equal(findAsker(twins, { network_id: uuid(100), address: '10.0.0.5' }), null, 'never a guess')
})

test('metadata service: both layouts, tokens, and nothing for strangers', async t => {
  const clock = manualClock()
  const instances = new Map([
    [one.id, one],
    [two.id, two],
  ])
  let asker: string | undefined = '10.0.0.5'
  const service = createMetadataService({ instances, clock, log: quiet })
  const server = service.serverFor(uuid(100), () => asker)
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const get = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(base + path, init)
    return [answer.status, await answer.text()] as const
  }
  assert.match((await get('/openstack'))[1], /2018-08-27\n/)
  assert.match((await get('/openstack/latest/meta_data.json'))[1], /"hostname": "one"/)
  assert.deepEqual(await get('/openstack/latest/user_data'), [200, '#!/bin/sh\necho hi\n'])
  assert.deepEqual(await get('/latest/meta-data/hostname'), [200, 'one'])
  assert.deepEqual(await get('/latest/meta-data/public-keys/'), [200, '0=laptop'])
  assert.deepEqual(await get('/2009-04-04/meta-data/public-keys/0/openssh-key'), [200, 'ssh-ed25519 AAAA me\n'])
  assert.deepEqual(await get('/latest/meta-data/public-ipv4'), [200, '192.0.2.9'])
  assert.match((await get('/latest/meta-data/'))[1], /instance-id\n/)
  assert.match((await get('/latest/meta-data/instance-id'))[1], /^i-[0-9a-f]{17}$/)
  assert.equal((await get('/latest/meta-data/nothing'))[0], 404)
  assert.equal((await get('/latest/meta-data/hostname/deeper'))[0], 404)
  assert.equal((await get('/%E0%A4%A'))[0], 400)
  assert.equal((await get(`/${'x'.repeat(2000)}`))[0], 414)
  assert.equal((await get('/latest/user-data', { method: 'POST' }))[0], 405)
  assert.equal((await get('/latest/user-data', { headers: { 'x-forwarded-for': '10.0.0.5' } }))[0], 403)

  const ttl = 'x-aws-ec2-metadata-token-ttl-seconds'
  const [status, token] = await get('/latest/api/token', { method: 'PUT', headers: { [ttl]: '60' } })
  assert.equal(status, 200)
  assert.equal((await get('/latest/api/token', { method: 'PUT' }))[0], 400)
  const headers = { 'x-aws-ec2-metadata-token': token }
  assert.equal((await get('/latest/user-data', { headers }))[0], 200)
  assert.equal((await get('/latest/user-data', { headers: { 'x-aws-ec2-metadata-token': `${token}x` } }))[0], 401)
  await clock.advance(61_000)
  assert.equal((await get('/latest/user-data', { headers }))[0], 401)

  asker = '10.0.0.77'
  assert.equal((await get('/latest/meta-data/hostname'))[0], 404)
  asker = undefined
  assert.equal((await get('/openstack/latest/user_data'))[0], 404)
})
