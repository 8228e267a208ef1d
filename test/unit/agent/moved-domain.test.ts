/** The domain of a guest that comes: the same machine to it, and nothing of the host that it comes from. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DomainHost, domainXml } from '../../../src/agent/drivers/libvirt/domain-xml.ts'
import { movedDomainXml } from '../../../src/agent/drivers/libvirt/moved-domain.ts'
import type { DomainSpec } from '../../../src/agent/ports.ts'
import { uuid, wantedInstance } from './fakes.ts'

const host: DomainHost = {
  virtualisation: 'tcg',
  arch: 'x86_64',
  default_cpu_model: 'host-model',
  datapath: 'netdev',
  integration_bridge: 'br-int',
  log_directory: '/var/log/croft/console',
  machine_directory: '/var/lib/croft/machine',
}
const port = { network_id: uuid(21), mtu: 1442, addresses: [], dns: [], model: 'virtio' as const }
const spec = (where: string): DomainSpec => ({
  instance: wantedInstance({ ports: [{ ...port, port_id: uuid(20), mac: 'fa:16:3e:00:00:01' }] }),
  disks: [
    {
      wanted: { volume_id: uuid(10), role: 'root', size_gib: 1, image: null, bus: 'virtio' },
      path: `/${where}/volumes/a.qcow2`,
      format: 'qcow2',
      direct_io: true,
    },
  ],
  config_drive: `/${where}/config/a.iso`,
})
const own = domainXml(spec('mine'), host)

/** As libvirt shows a domain that runs: a machine of one version, and an address for each device. */
function running(change: (xml: string) => string = xml => xml): string {
  let slot = 1
  const xml = domainXml(spec('theirs'), { ...host, log_directory: '/theirs/console' })
    .replace("machine='q35'", "machine='pc-q35-7.2'")
    .replaceAll(/<\/(disk|interface)>/g, (_, name: string) => {
      return `<alias name='x${slot}'/><address type='pci' domain='0x0000' bus='0x0${slot++}' slot='0x00' function='0x0'/></${name}>`
    })
  return change(xml)
}

test('machine, processor and addresses are the guest’s; paths and sockets are this host’s', () => {
  const xml = movedDomainXml(own, running())
  assert.match(xml, /machine='pc-q35-7\.2'/)
  assert.doesNotMatch(xml, /theirs/)
  for (const path of ['/mine/volumes/a.qcow2', '/mine/config/a.iso', '/var/log/croft/console']) {
    assert.ok(xml.includes(path), path)
  }
  const nic = /<interface[^]*?<\/interface>/.exec(xml)?.[0] ?? ''
  assert.match(nic, /bus='0x03'/)
  assert.match(nic, /interfaceid='00000000-0000-7000-8000-000000000014'/)
  assert.match(xml, /<disk[^]*?a\.qcow2[^]*?bus='0x01'/)
})

test('nothing of a host is taken, wherever the source puts it', () => {
  const hostile: [string, (xml: string) => string][] = [
    [
      'a disk of the host',
      xml =>
        xml.replace(
          '<devices>',
          `<devices><disk type='file'><source file='/etc/shadow'/><target dev='vdz' bus='virtio'/></disk>`,
        ),
    ],
    [
      'a file for a serial line',
      xml =>
        xml.replace(
          '<devices>',
          `<devices><serial type='file'><source path='/etc/passwd'/><target port='3'/></serial>`,
        ),
    ],
    [
      'arguments of QEMU',
      xml => xml.replace('</devices>', `</devices><commandline><arg value='/etc/shadow'/></commandline>`),
    ],
    ['a kernel of the host', xml => xml.replace('</os>', `<kernel>/etc/shadow</kernel></os>`)],
    [
      'a channel to a socket',
      xml =>
        xml.replace(
          '<devices>',
          `<devices><channel type='unix'><source mode='bind' path='/etc/shadow'/><target type='virtio' name='x'/></channel>`,
        ),
    ],
    ['another emulator', xml => xml.replace('<devices>', `<devices><emulator>/etc/shadow</emulator>`)],
  ]
  for (const [what, change] of hostile) {
    const xml = movedDomainXml(own, running(change))
    assert.doesNotMatch(xml, /\/etc\//, what)
  }
})

test('what could be a path where none belongs is refused, and so is what this host cannot be', () => {
  const refused: [RegExp, (xml: string) => string][] = [
    [/not what a guest’s machine has/, xml => xml.replace(/<video>/, `<video path='/dev/dri/card0'>`)],
    [/device of its host/, xml => xml.replace('<devices>', `<devices><hostdev mode='subsystem' type='pci'/>`)],
    [/KVM and emulation do not mix/, xml => xml.replace("type='qemu'", "type='kvm'")],
    [/another instance/, xml => xml.replaceAll(uuid(1), uuid(2))],
    [/more memory or vCPUs/, xml => xml.replace(/<memory unit='MiB'>128</, `<memory unit='GiB'>128<`)],
    [/more memory or vCPUs/, xml => xml.replace(/(<vcpu[^>]*>)1</, '$164<')],
    [/without a device/, xml => xml.replace('fa:16:3e:00:00:01', 'fa:16:3e:00:00:02')],
    [/cannot be read/, () => '<domain><unclosed></domain>'],
    [/cannot be read/, xml => `<!DOCTYPE domain [<!ENTITY x "y">]>${xml}`],
  ]
  for (const [why, change] of refused) assert.throws(() => movedDomainXml(own, running(change)), why)
})

test('firmware is one of this host’s own, and the same kind that it is to have', () => {
  const uefi = (where: string) => ({
    ...spec(where),
    instance: { ...spec(where).instance, hardware: { firmware: 'uefi', secure_boot: true, tpm: '2.0' } as const },
  })
  const mine = domainXml(uefi('mine'), host)
  const theirs = (loader: string) =>
    domainXml(uefi('theirs'), { ...host, log_directory: '/theirs/console', machine_directory: '/theirs/machine' })
      .replace("machine='q35'", "machine='pc-q35-7.2'")
      .replace(" firmware='efi'", '')
      .replace(/<firmware>[^]*?<\/firmware>/, '')
      .replace(/<loader[^>]*\/>/, `<loader readonly='yes' secure='yes' type='pflash'>${loader}</loader>`)
      .replaceAll(/<\/(disk|interface)>/g, (_, name: string) => `<address type='pci' bus='0x01'/></${name}>`)
  const code = '/usr/share/OVMF/OVMF_CODE_4M.ms.fd'
  const xml = movedDomainXml(mine, theirs(code), [code])
  assert.ok(xml.includes(`<loader readonly='yes' secure='yes' type='pflash'>${code}</loader>`), xml)
  assert.ok(xml.includes(`<nvram>/var/lib/croft/machine/${uuid(1)}/nvram.fd</nvram>`), xml)
  assert.doesNotMatch(xml, /firmware=|theirs/)
  assert.match(xml, /<smm state='on'\/>/)
  assert.match(xml, /<tpm model='tpm-crb'>\s*<backend type='emulator' version='2.0' persistent_state='yes'\/>/)
  assert.throws(() => movedDomainXml(mine, theirs('/etc/shadow'), [code]), /firmware that this host does not have/)
  assert.throws(() => movedDomainXml(own, theirs(code), [code]), /other firmware/)
  assert.throws(() => movedDomainXml(mine, running(), [code]), /other firmware/)
})
