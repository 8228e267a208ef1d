/**
 * From a wanted instance and what the host can do to libvirt's domain XML. Pure. The format is libvirt's
 * (libvirt.org/formatdomain.html); each choice below says why.
 *
 * Every path in it is named in the XML itself (disks, log, sockets), which is what libvirt's AppArmor driver allows QEMU to
 * open: nothing may be reached through a symbolic link.
 */
import { join } from 'node:path'
import type { WantedInstance, WantedPort } from '../../../protocol/wanted.ts'
import type { DomainSpec, PreparedDisk } from '../../ports.ts'
import { type Bus, diskNames } from '../../../model/disk-names.ts'
import { busOf } from '../disk-names.ts'
import { firmwareOf, smm, tpm } from './firmware-xml.ts'
import { graphicsDevices } from './graphics.ts'
import { cpuElement, dimmElements, hardwarePorts, hostdevElements, sizeElements } from './hardware-xml.ts'
import { element, type Element, renderXml } from './xml.ts'

/** Marks Croft's domains; what has no element of this namespace is foreign. */
export const metadataNamespace = 'https://croft.dev/xmlns/domain/1'
export const metadataKey = 'croft'

export interface DomainHost {
  readonly virtualisation: 'kvm' | 'tcg'
  readonly arch: string
  /** What 'default' stands for as cpu_model with KVM. */
  readonly default_cpu_model: string
  /** OVS's data path: 'netdev' (in user space) needs checksum offload off on every path into it. */
  readonly datapath: 'netdev' | 'system'
  readonly integration_bridge: string
  /** Of each instance's console log; virtlogd writes and bounds it. */
  readonly log_directory: string
  /** Of what machines remember, a folder for each: NVRAM, and what their TPMs keep. */
  readonly machine_directory: string
}

export function consoleLogPath(log_directory: string, id: string): string {
  return join(log_directory, `${id}.log`)
}

export function domainName(id: string): string {
  return `croft-${id}`
}

export function virtTypeOf({ virtualisation }: DomainHost): 'kvm' | 'qemu' {
  return virtualisation === 'kvm' ? 'kvm' : 'qemu'
}

export function machineOf({ arch }: DomainHost): string {
  return arch === 'x86_64' ? 'q35' : 'virt'
}

export function domainXml(spec: DomainSpec, host: DomainHost): string {
  const { instance } = spec
  const { metadata } = instance
  const firmware = firmwareOf(instance, host)
  return renderXml(
    element(
      'domain',
      { type: virtTypeOf(host) },
      element('name', {}, domainName(instance.id)),
      element('uuid', {}, instance.id),
      element('title', {}, metadata.name.replaceAll(/[\r\n]/g, ' ') || instance.id),
      element(
        'metadata',
        {},
        element(`${metadataKey}:instance`, {
          [`xmlns:${metadataKey}`]: metadataNamespace,
          id: instance.id,
          project: metadata.project_id,
          generation: instance.generation,
        }),
      ),
      ...sizeElements(instance, spec.shared ?? null),
      sysinfo(instance),
      element(
        'os',
        firmware.attributes,
        element('type', { arch: host.arch, machine: machineOf(host) }, 'hvm'),
        ...firmware.parts,
        element('smbios', { mode: 'sysinfo' }),
      ),
      element(
        'features',
        {},
        element('acpi'),
        host.arch === 'x86_64' ? element('apic') : null,
        smm(instance),
        hyperv(instance, host),
      ),
      cpuElement(instance, host),
      clock(instance, host),
      element('on_poweroff', {}, 'destroy'),
      element('on_reboot', {}, 'restart'),
      // The agent starts it again, with back-off, so that a guest that dies at boot does not spin.
      element('on_crash', {}, 'destroy'),
      element('pm', {}, element('suspend-to-mem', { enabled: 'no' }), element('suspend-to-disk', { enabled: 'no' })),
      devices(spec, host),
    ),
  )
}

function sysinfo(instance: WantedInstance): Element {
  const entry = (name: string, value: string) => element('entry', { name }, value)
  return element(
    'sysinfo',
    { type: 'smbios' },
    element(
      'system',
      {},
      entry('manufacturer', 'Croft'),
      // The name by which cloud-init knows that the OpenStack metadata service answers here (its ds-identify).
      entry('product', 'OpenStack Compute'),
      entry('serial', instance.id),
      entry('uuid', instance.id),
      entry('family', 'Virtual Machine'),
    ),
  )
}

/** Windows on a PC under KVM, which alone has Hyper-V's ways to offer. */
function isHyperv({ os_family }: WantedInstance, { arch, virtualisation }: DomainHost): boolean {
  return os_family === 'windows' && arch === 'x86_64' && virtualisation === 'kvm'
}

/**
 * What Windows asks of its hypervisor so that it spins, ticks and flushes less (docs/system/i386/hyperv.rst of QEMU). Each of them is
 * there in every kernel since 4.20; those that need more of the processor are left out.
 */
function hyperv(instance: WantedInstance, host: DomainHost): Element | null {
  if (!isHyperv(instance, host)) return null
  const on = (name: string, more: Record<string, string | number> = {}) => element(name, { state: 'on', ...more })
  return element(
    'hyperv',
    { mode: 'custom' },
    on('relaxed'),
    on('vapic'),
    on('spinlocks', { retries: 8191 }),
    on('vpindex'),
    on('runtime'),
    on('synic'),
    on('stimer'),
    on('reset'),
    on('frequencies'),
    on('tlbflush'),
    on('ipi'),
  )
}

/**
 * UTC, and ticks that catch up after the host was busy, as guests of KVM expect. Windows takes what the machine's clock says for local
 * time.
 */
function clock(instance: WantedInstance, host: DomainHost): Element {
  const offset = instance.os_family === 'windows' ? 'localtime' : 'utc'
  // The timers are a PC's.
  if (host.arch !== 'x86_64') return element('clock', { offset })
  return element(
    'clock',
    { offset },
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'hpet', present: 'no' }),
    isHyperv(instance, host) ? element('timer', { name: 'hypervclock', present: 'yes' }) : null,
  )
}

function devices(spec: DomainSpec, host: DomainHost): Element {
  const { instance } = spec
  const names = diskNames()
  const order = bootOrder(instance)
  const in_hardware = hardwarePorts(instance)
  const scsi = spec.disks.some(each => each.wanted.bus === 'scsi')
  return element(
    'devices',
    {},
    ...spec.disks.map(each => disk(each, names, order)),
    spec.config_drive === null ? null : configDrive(spec.config_drive, spec.disks, names),
    scsi ? element('controller', { type: 'scsi', index: 0, model: 'virtio-scsi' }) : null,
    ...instance.ports.filter(port => !in_hardware.has(port.port_id)).map(port => nic(port, host, order('network'))),
    ...hostdevElements(instance),
    ...dimmElements(instance),
    serial(instance.id, host),
    element('console', { type: 'pty' }, element('target', { type: 'serial', port: 0 })),
    element('channel', { type: 'unix' }, element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
    element('input', { type: 'tablet', bus: 'usb' }),
    element('controller', { type: 'usb', index: 0, model: 'qemu-xhci' }),
    ...graphicsDevices(instance),
    element(
      'video',
      {},
      // ARM's machine knows no other than virtio.
      element('model', {
        type: host.arch === 'x86_64' ? (instance.video_model ?? 'vga') : 'virtio',
        heads: 1,
        primary: 'yes',
      }),
    ),
    tpm(instance, host),
    element('rng', { model: 'virtio' }, element('backend', { model: 'random' }, '/dev/urandom')),
    element(
      'memballoon',
      { model: 'virtio', autodeflate: 'on', freePageReporting: 'on' },
      element('stats', { period: 10 }),
    ),
    instance.watchdog_action === 'none'
      ? null
      : element('watchdog', { model: 'i6300esb', action: instance.watchdog_action }),
    host.arch === 'x86_64' ? element('panic', { model: 'isa' }) : null,
  )
}

function serial(id: string, host: DomainHost): Element {
  return element(
    'serial',
    { type: 'pty' },
    element('log', { file: consoleLogPath(host.log_directory, id), append: 'on' }),
    element('target', { port: 0 }),
  )
}

/** `order`: whether, and as which, firmware tries to start from a device; what has none is not tried. */
type Order = (kind: 'disk' | 'cdrom' | 'network') => Element | null

/** The root disk, CD-ROM and first NIC come once each: the first of its kind in the order is the one that counts. */
function bootOrder({ boot_order = ['disk'] }: WantedInstance): Order {
  const left = new Map(boot_order.map((kind, at) => [kind, at + 1]))
  return kind => {
    const order = left.get(kind)
    left.delete(kind)
    return order === undefined ? null : element('boot', { order })
  }
}

function disk(prepared: PreparedDisk, names: (bus: Bus) => string, order: Order): Element {
  const { wanted, direct_io } = prepared
  const bus = busOf(wanted)
  const is_cdrom = wanted.role === 'cdrom'
  return element(
    'disk',
    { type: 'file', device: is_cdrom ? 'cdrom' : 'disk' },
    element('driver', {
      name: 'qemu',
      type: prepared.format,
      // Past the host's page cache where the file system can: memory is the guests', and a flush means what it says.
      cache: direct_io ? 'none' : 'writeback',
      io: direct_io ? 'native' : 'threads',
      discard: is_cdrom ? undefined : 'unmap',
      detect_zeroes: is_cdrom ? undefined : 'unmap',
    }),
    element('source', { file: prepared.path }),
    element('target', { dev: names(bus), bus }),
    is_cdrom ? element('readonly') : null,
    // virtio shows its guest the first 20 characters of it.
    is_cdrom ? null : element('serial', {}, wanted.volume_id),
    is_cdrom ? order('cdrom') : wanted.role === 'root' ? order('disk') : null,
  )
}

/** On the root disk's bus: small guests have a driver for that one, and no CD-ROM's. cloud-init goes by the label. */
function configDrive(path: string, disks: readonly PreparedDisk[], names: (bus: Bus) => string): Element {
  const virtio = disks.every(each => each.wanted.bus === 'virtio' || each.wanted.role === 'cdrom')
  const bus = virtio ? 'virtio' : 'sata'
  return element(
    'disk',
    { type: 'file', device: virtio ? 'disk' : 'cdrom' },
    element('driver', { name: 'qemu', type: 'raw', cache: 'writeback' }),
    element('source', { file: path }),
    element('target', { dev: names(bus), bus }),
    element('readonly'),
    element('serial', {}, 'config-drive'),
  )
}

/**
 * Always the same device for a port. With names that libvirt counts up, a power cut leaves the old device's record in Open
 * vSwitch, naming the same logical port as the new one, and OVN may take it at its word. A name may have 15 characters; a
 * UUIDv7 is random at its end (RFC 9562, section 5.7).
 */
export function tapName(port_id: string): string {
  return `tap${port_id.replaceAll('-', '').slice(-12)}`
}

function nic(port: WantedPort, host: DomainHost, boot: Element | null): Element {
  const virtio = port.model === 'virtio'
  const off = { csum: 'off', gso: 'off', tso4: 'off', tso6: 'off', ecn: 'off', ufo: 'off' }
  const bare = virtio && host.datapath === 'netdev'
  return element(
    'interface',
    { type: 'bridge' },
    element('mac', { address: port.mac }),
    element('source', { bridge: host.integration_bridge }),
    element('target', { dev: tapName(port.port_id) }),
    element('virtualport', { type: 'openvswitch' }, element('parameters', { interfaceid: port.port_id })),
    element('model', { type: port.model }),
    // Frames cross into user space without the header that says "checksum still to do": TCP would hang.
    bare ? element('driver', { name: 'qemu' }, element('host', off)) : null,
    element('mtu', { size: port.mtu }),
    boot,
    // Without network boot no program for it: nothing answers, and it costs seconds.
    boot ? null : element('rom', { enabled: 'no' }),
  )
}
