/**
 * The domain of a guest that comes from another host: it must be the same machine to the guest, which runs on in it, and
 * this host's to everything else. So it is made of two: what this host makes of what it was told to want (paths, networks, names,
 * sockets), and of the source's domain what the guest sees (its machine's type, processor, devices and their addresses). Pure.
 *
 * The source is not trusted: of its domain nothing is taken that could name anything of a host. Whether the two fit is
 * said by libvirt's own check at the source.
 */
import { childOf, childrenOf, readXml } from './read-xml.ts'
import { element, type Element, renderXml } from './xml.ts'

/** What the guest sees of the machine as a whole. */
const machineParts = new Set([
  'memory',
  'maxMemory',
  'currentMemory',
  'vcpu',
  'vcpus',
  'os',
  'features',
  'cpu',
  'clock',
  'on_poweroff',
  'on_reboot',
  'on_crash',
  'pm',
])
/** Devices that are nothing but the guest's; what is behind them on the host libvirt chooses. */
const guestDevices = new Set([
  'controller',
  'input',
  'graphics',
  'video',
  'watchdog',
  'panic',
  'memballoon',
  'memory',
  'hub',
  'audio',
])
/** Channels with an end in QEMU itself or in libvirt's own folder. */
const channelTypes = new Set(['spicevmc', 'qemu-vdagent', 'unix'])
/** Elements that say where something is on a host. */
const ofHost = new Set([
  'source',
  'log',
  'seclabel',
  'backend',
  'alias',
  'firmware',
  'loader',
  'nvram',
  'kernel',
  'initrd',
  'cmdline',
  'dtb',
])
/** No path has only these. */
const plain = /^[A-Za-z0-9_.,:+ -]*$/

/** The domain is not one that this host can take; the message says why. */
export class UnfitDomain extends Error {}

/**
 * `own`: as this host would define it. `source`: libvirt's migratable XML of the domain that runs there. `loaders`: the firmware that this
 * host has.
 */
export function movedDomainXml(own: string, source: string, loaders: readonly string[] = []): string {
  const [mine, theirs] = [readXml(own), readSource(source)]
  mustAgree(mine, theirs)
  mustFit(mine, theirs)
  const kept = mine.children.filter(each => typeof each === 'string' || !machineParts.has(each.name))
  const machine = childrenOf(theirs)
    .filter(each => machineParts.has(each.name))
    .map(each =>
      each.name === 'os' ? osOf(each, mine, loaders) : each.name === 'vcpu' ? vcpuOf(each, mine) : harmless(each),
    )
  const parts = kept.filter(each => typeof each === 'string' || each.name !== 'devices')
  return renderXml({ ...mine, children: [...parts, ...machine, devicesOf(mine, theirs)] })
}

function readSource(text: string): Element {
  try {
    return readXml(text)
  } catch (cause) {
    throw new UnfitDomain('What the source says of the guest’s machine cannot be read.', { cause })
  }
}

/** What is wanted now is what runs there: else the guest would find itself in another machine at its next start, or at once. */
function mustAgree(mine: Element, theirs: Element): void {
  if (theirs.name !== 'domain') throw new UnfitDomain('What the source sends is no domain.')
  if (mine.attributes['type'] !== theirs.attributes['type']) {
    throw new UnfitDomain(
      `The guest runs there with type "${String(theirs.attributes['type'])}" and this host would run it with "${String(mine.attributes['type'])}" (KVM and emulation do not mix). Choose a host of the same kind.`,
    )
  }
  const uuid = (domain: Element) => textOf(childOf(domain, 'uuid'))
  if (uuid(mine) !== uuid(theirs)) throw new UnfitDomain('What the source sends is another instance.')
}

/** As many as it has; on which of the host's they run is this host's. */
function vcpuOf(theirs: Element, mine: Element): Element {
  const { attributes, children } = harmless(theirs)
  const { cpuset } = childOf(mine, 'vcpu')?.attributes ?? {}
  return { name: 'vcpu', attributes: { ...attributes, cpuset }, children }
}

const unit_kib: Readonly<Record<string, number>> = { KiB: 1, MiB: 1024, GiB: 1024 ** 2 }

function sizeOf(domain: Element, name: string): number {
  const found = childOf(domain, name)
  return Number(textOf(found)) * (unit_kib[String(found?.attributes['unit'] ?? 'KiB')] ?? Number.NaN)
}

/** What is claimed of this host is what is wanted, or what it may grow to: more is not the source's to ask for. */
function mustFit(mine: Element, theirs: Element): void {
  const most_kib = Math.max(sizeOf(mine, 'memory'), childOf(mine, 'maxMemory') ? sizeOf(mine, 'maxMemory') : 0)
  const [vcpus, vcpus_most] = [theirs, mine].map(domain => Number(textOf(childOf(domain, 'vcpu'))))
  if (sizeOf(theirs, 'memory') <= most_kib && (vcpus ?? Number.NaN) <= (vcpus_most ?? 0)) return
  throw new UnfitDomain(
    'The guest runs with more memory or vCPUs than it is to have now. Stop it and start it once; then it can move.',
  )
}

/**
 * libvirt finds firmware for a guest that it starts, and for one that comes it takes what the XML names, or dies of there being none (seen with 9.0).
 * So the file by which it runs there is named, if this host's own libvirt knows it as firmware.
 */
function osOf(theirs: Element, mine: Element, loaders: readonly string[]): Element {
  const own = childOf(mine, 'os')
  const safe = harmless(theirs)
  const uefi = own?.attributes['firmware'] === 'efi'
  const path = textOf(childOf(theirs, 'loader'))
  if (uefi !== (path !== '')) {
    throw new UnfitDomain(
      'The guest was started with other firmware than it is to have now. Stop it and start it once; then it can move.',
    )
  }
  if (!uefi) return safe
  if (!loaders.includes(path)) {
    throw new UnfitDomain(
      'The guest runs with firmware that this host does not have. Install the same version of ovmf (on aarch64 qemu-efi-aarch64) on both hosts.',
    )
  }
  const { secure } = (own && childOf(own, 'loader'))?.attributes ?? {}
  const nvram = own && childOf(own, 'nvram')
  const loader = element('loader', { readonly: 'yes', secure, type: 'pflash' }, path)
  return { name: 'os', attributes: safe.attributes, children: [...safe.children, loader, ...(nvram ? [nvram] : [])] }
}

function devicesOf(mine: Element, theirs: Element): Element {
  const own = childOf(mine, 'devices') ?? element('devices')
  const their = childOf(theirs, 'devices') ?? element('devices')
  const [ownDevices, theirDevices] = [childrenOf(own), childrenOf(their)]
  const foreign = theirDevices.find(
    each => each.name === 'hostdev' || each.name === 'redirdev' || each.name === 'shmem',
  )
  if (foreign !== undefined)
    throw new UnfitDomain(`The guest has a device of its host (${foreign.name}), which stays there.`)
  const emulator = ownDevices.filter(each => each.name === 'emulator')
  const taken = theirDevices.filter(isGuestOnly).map(each => (each.name === 'graphics' ? screen(each) : harmless(each)))
  const ours = ownDevices.filter(each => !isGuestOnly(each) && each.name !== 'emulator')
  return element('devices', {}, ...emulator, ...placed(ours, theirDevices), ...taken)
}

function isGuestOnly({ name, attributes }: Element): boolean {
  return guestDevices.has(name) || (name === 'channel' && channelTypes.has(String(attributes['type'])))
}

/** Each of this host's devices at the address where the guest knows it. */
function placed(ours: readonly Element[], theirs: readonly Element[]): Element[] {
  const left = new Set(theirs)
  return ours.map(device => {
    const key = identity(device)
    const same = [...left].find(each => each.name === device.name && identity(each) === key)
    if (same === undefined) {
      // What libvirt adds to a serial line by itself.
      if (device.name === 'console') return device
      throw new UnfitDomain(
        `The guest was started without a device that it is to have now (${device.name} ${key}). Stop it and start it once; then it can move.`,
      )
    }
    left.delete(same)
    const address = childOf(same, 'address')
    const others = device.children.filter(each => typeof each === 'string' || each.name !== 'address')
    return { ...device, children: address === undefined ? others : [...others, harmless(address)] }
  })
}

/** By what the guest tells one of a kind from another. */
function identity(device: Element): string {
  const of = (name: string, key: string) => String(childOf(device, name)?.attributes[key] ?? '')
  switch (device.name) {
    case 'disk':
      return `${of('target', 'bus')} ${of('target', 'dev')}`
    case 'interface':
      return of('mac', 'address').toLowerCase()
    case 'serial':
      return of('target', 'port')
    default:
      return ''
  }
}

/** Where it listens is libvirt's choice, on each host anew. */
function screen(theirs: Element): Element {
  const { type, sharePolicy } = theirs.attributes
  const parts = childrenOf(theirs)
    .filter(each => each.name === 'clipboard' || each.name === 'filetransfer')
    .map(harmless)
  const safe = harmless(element('graphics', { type, sharePolicy }))
  return { ...safe, children: [element('listen', { type: 'socket' }), ...parts] }
}

/** Without what is a host's; and nothing in it may be a path. */
function harmless(theirs: Element): Element {
  for (const [key, value] of Object.entries(theirs.attributes)) {
    if (!plain.test(`${key}${String(value)}`)) throw unexpected(theirs)
  }
  const children = theirs.children.flatMap((each): (Element | string)[] => {
    if (typeof each === 'string') {
      if (!plain.test(each)) throw unexpected(theirs)
      return [each]
    }
    // A clipboard's settings are in its channel's source, and nothing else is.
    if (each.name === 'source' && theirs.attributes['type'] === 'qemu-vdagent') {
      return [element('source', {}, ...childrenOf(each).map(harmless))]
    }
    return ofHost.has(each.name) ? [] : [harmless(each)]
  })
  return { ...theirs, children }
}

function unexpected({ name }: Element): UnfitDomain {
  return new UnfitDomain(`What the source says of the guest’s ${name} is not what a guest’s machine has.`)
}

function textOf(found: Element | undefined): string {
  return found === undefined ? '' : found.children.filter(each => typeof each === 'string').join('')
}
