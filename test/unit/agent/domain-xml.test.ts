import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { XMLParser } from 'fast-xml-parser'
import { type DomainHost, domainXml } from '../../../src/agent/drivers/libvirt/domain-xml.ts'
import { element, renderXml } from '../../../src/agent/drivers/libvirt/xml.ts'
import type { DomainSpec } from '../../../src/agent/ports.ts'
import type { WantedDisk } from '../../../src/protocol/wanted.ts'
import { clipboardKinds, graphicsKinds } from '../../../src/model/graphics.ts'
import { nicModels } from '../../../src/model/nic.ts'
import { osFamilyOf } from '../../../src/model/os.ts'
import { uuid, wantedInstance } from './fakes.ts'
import { hardwareVariants } from './hardware-variants.ts'

const host: DomainHost = {
  virtualisation: 'tcg',
  arch: 'x86_64',
  default_cpu_model: 'host-model',
  datapath: 'netdev',
  integration_bridge: 'br-int',
  log_directory: '/var/log/croft/console',
  machine_directory: '/var/lib/croft/machine',
}

function spec(change: Partial<DomainSpec> = {}): DomainSpec {
  const wanted = { volume_id: uuid(10), role: 'root', size_gib: 1, image: null, bus: 'virtio' } as const
  return {
    instance: wantedInstance({
      watchdog_action: 'reset',
      ports: [
        {
          port_id: uuid(20),
          network_id: uuid(21),
          mac: 'fa:16:3e:00:00:01',
          mtu: 1442,
          addresses: [],
          dns: [],
          model: 'virtio',
        },
      ],
    }),
    disks: [{ wanted, path: '/var/lib/croft/volumes/a.qcow2', format: 'qcow2', direct_io: true }],
    config_drive: '/var/lib/croft/config/a.iso',
    ...change,
  }
}

/** One NIC of every model there is. */
function allNics(): DomainSpec {
  const { instance, ...rest } = spec()
  const [one] = instance.ports
  assert.ok(one)
  const ports = nicModels.map((model, n) => ({
    ...one,
    port_id: uuid(20 + n),
    mac: `fa:16:3e:00:00:0${n}`,
    model,
  }))
  return { ...rest, instance: { ...instance, ports } }
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  processEntities: true,
})

const variants: Record<string, [DomainSpec, DomainHost]> = {
  tcg: [spec(), host],
  kvm: [spec(), { ...host, virtualisation: 'kvm', datapath: 'system' }],
  passthrough: [spec(), { ...host, virtualisation: 'kvm', default_cpu_model: 'host-passthrough' }],
  windows: [spec({ instance: wantedInstance({ os_family: 'windows' }) }), { ...host, virtualisation: 'kvm' }],
  'windows, emulated': [spec({ instance: wantedInstance({ os_family: 'windows' }) }), host],
  'ARM, emulated': [spec(), { ...host, arch: 'aarch64' }],
  'ARM, KVM': [spec(), { ...host, arch: 'aarch64', virtualisation: 'kvm', datapath: 'system' }],
  'all NIC models': [allNics(), host],
  'named model': [
    spec({ instance: wantedInstance({ cpu_model: 'Skylake-Server' }) }),
    { ...host, virtualisation: 'kvm' },
  ],
  'other buses': [
    spec({
      disks: (['scsi', 'sata', 'ide'] as const).map((bus, n) => ({
        wanted: { volume_id: uuid(n), role: 'data', size_gib: 1, image: null, bus },
        path: `/d/${n}`,
        format: 'raw',
        direct_io: false,
      })),
    }),
    host,
  ],
}

const disk = (n: number, role: WantedDisk['role'], bus: WantedDisk['bus'] = 'virtio') =>
  ({
    wanted: { volume_id: uuid(n), role, size_gib: 1, image: null, bus },
    path: `/d/${n}`,
    format: role === 'cdrom' ? 'raw' : 'qcow2',
    direct_io: false,
  }) as const
const installing = spec({
  instance: { ...spec().instance, boot_order: ['disk', 'cdrom'] },
  disks: [disk(10, 'root'), disk(11, 'ephemeral'), disk(12, 'swap'), disk(1, 'cdrom', 'sata')],
})
const fromNetwork = spec({ instance: { ...spec().instance, boot_order: ['network', 'disk'] } })
variants['every kind of disk, an ISO'] = [installing, host]
variants['from the network'] = [fromNetwork, host]
for (const graphics of graphicsKinds) {
  for (const clipboard of clipboardKinds) {
    const instance = { ...spec().instance, graphics, clipboard, video_model: 'virtio' as const }
    variants[`${graphics}, clipboard ${clipboard}`] = [spec({ instance }), host]
  }
}

for (const [name, hardware] of Object.entries(hardwareVariants)) {
  const instance = { ...spec().instance, vcpus: 4, memory_mib: 1536, hardware }
  variants[name] = [
    spec({ instance, shared: { all: [0, 1, 2, 8], nodes: new Map([[0, [0, 1, 2]]]) } }),
    { ...host, virtualisation: 'kvm' },
  ]
}

for (const [name, [given, on]] of Object.entries(variants)) {
  test(`domain XML (${name}) fits libvirt's schema`, t => {
    const found = spawnSync('xmllint', ['--version'])
    if (found.error !== undefined) return t.skip('xmllint is not installed (apt-get install libxml2-utils)')
    const schema = '/usr/share/libvirt/schemas/domain.rng'
    const input = domainXml(given, on)
    const { status, stderr } = spawnSync('xmllint', ['--noout', '--relaxng', schema, '-'], { input, encoding: 'utf8' })
    assert.equal(status, 0, stderr.slice(0, 2000) + input)
  })
}

test('domain XML says what Croft promises', () => {
  const xml = domainXml(spec(), host)
  for (const part of [
    `<domain type='qemu'>`,
    `<uuid>${uuid(1)}</uuid>`,
    `<croft:instance xmlns:croft='https://croft.dev/xmlns/domain/1' id='${uuid(1)}' project='${uuid(99)}' generation='1'/>`,
    `<type arch='x86_64' machine='q35'>hvm</type>`,
    `<model fallback='allow'>qemu64</model>`,
    `cache='none' io='native' discard='unmap'`,
    `<target dev='vdb' bus='virtio'/>`,
    `<parameters interfaceid='${uuid(20)}'/>`,
    `<host csum='off' gso='off' tso4='off' tso6='off' ecn='off' ufo='off'/>`,
    `<log file='/var/log/croft/console/${uuid(1)}.log' append='on'/>`,
    `<listen type='socket'/>`,
    `<target dev='tap000000000014'/>`,
    `<watchdog model='i6300esb' action='reset'/>`,
    `<entry name='manufacturer'>Croft</entry>`,
    `<memballoon model='virtio' autodeflate='on' freePageReporting='on'>`,
  ]) {
    assert.ok(xml.includes(part), `${part} is not in\n${xml}`)
  }
  assert.ok(!domainXml(spec(), { ...host, datapath: 'system' }).includes('csum'))
})

test('disks are named in their order, and firmware tries the empty root disk before the CD-ROM', () => {
  const xml = domainXml(installing, host)
  const parsed = parser.parse(xml) as {
    domain: { os: object; devices: { disk: Record<string, { [key: string]: string }>[] } }
  }
  const shown = parsed.domain.devices.disk.map(each => [
    each.device,
    each.target?.dev,
    each.target?.bus,
    each.boot?.order ?? null,
    'readonly' in each,
  ])
  assert.deepEqual(shown, [
    ['disk', 'vda', 'virtio', '1', false],
    ['disk', 'vdb', 'virtio', null, false],
    ['disk', 'vdc', 'virtio', null, false],
    ['cdrom', 'sda', 'sata', '2', true],
    // The config drive: where a small guest has a driver for it.
    ['disk', 'vdd', 'virtio', null, true],
  ])
  assert.ok(!xml.includes('<boot dev='), 'libvirt takes one way of saying it or the other')
})

test('from the network: the first NIC with its program for it, then the disk', () => {
  const xml = domainXml(fromNetwork, host)
  const nic = /<interface[^]*<\/interface>/.exec(xml)?.[0] ?? ''
  assert.ok(nic.includes(`<boot order='1'/>`) && !nic.includes('<rom'), nic)
  assert.match(xml, /<disk type='file' device='disk'>[^]*?<boot order='2'\/>[^]*?<\/disk>/)
  assert.ok(domainXml(spec(), host).includes(`<rom enabled='no'/>`))
})

test('each NIC is of the model that its image asked for; what virtio alone knows is said to virtio alone', () => {
  const xml = domainXml(allNics(), host)
  for (const model of nicModels) assert.ok(xml.includes(`<model type='${model}'/>`), model)
  assert.equal(xml.split(`csum='off'`).length, 2)
})

test('on ARM the guest has firmware, a 64-bit processor, and no parts of a PC', () => {
  const emulated = domainXml(spec(), { ...host, arch: 'aarch64' })
  for (const part of [`<os firmware='efi'>`, `machine='virt'`, `>cortex-a57</model>`])
    assert.ok(emulated.includes(part))
  for (const part of ['<timer', '<panic', '<apic', 'q35']) assert.ok(!emulated.includes(part), part)
  const kvm = domainXml(spec(), { ...host, arch: 'aarch64', virtualisation: 'kvm' })
  assert.ok(kvm.includes(`<cpu mode='host-passthrough' check='none'>`))
})

test('no name, however odd, gets out of its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const xml = renderXml(element('a', { b: text }, element('c', {}, text)))
      const back = parser.parse(xml) as { a: { b: string; c: string } }
      assert.deepEqual(Object.keys(back), ['a'])
      assert.ok(Object.keys(back.a).every(key => key === 'b' || key === 'c'))
      const instance = wantedInstance()
      const named = domainXml(spec({ instance: { ...instance, metadata: { ...instance.metadata, name: text } } }), host)
      const domain = (parser.parse(named) as { domain: Record<string, unknown> }).domain
      assert.equal(domain.uuid, uuid(1))
      assert.equal(domain.name, `croft-${uuid(1)}`)
    }),
    { numRuns: 40 },
  )
})

test('Windows has its clock in local time, and under KVM what Hyper-V offers; others neither', () => {
  const xmlOf = (name: string) => {
    const [given, on] = variants[name] ?? assert.fail(name)
    return domainXml(given, on)
  }
  const windows = xmlOf('windows')
  assert.match(windows, /<clock offset=["']localtime["']/)
  assert.match(windows, /<timer name=["']hypervclock["'] present=["']yes["']\/>/)
  for (const feature of ['relaxed', 'vapic', 'spinlocks', 'vpindex', 'synic', 'stimer'])
    assert.match(windows, new RegExp(`<${feature} state=["']on["']`), feature)
  // QEMU without KVM knows none of it.
  const emulated = xmlOf('windows, emulated')
  assert.match(emulated, /<clock offset=["']localtime["']/)
  assert.doesNotMatch(emulated, /hyperv/)
  const other = xmlOf('kvm')
  assert.match(other, /<clock offset=["']utc["']/)
  assert.doesNotMatch(other, /hyperv/)
})

test('Windows is known by what an image says of itself', () => {
  for (const os of ['windows', 'Windows Server 2022', 'win2k22']) assert.equal(osFamilyOf(os), 'windows', os)
  for (const os of ['debian', 'darwin', '', null, undefined]) assert.equal(osFamilyOf(os), null, String(os))
})
