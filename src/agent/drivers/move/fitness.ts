/** Whether a guest that runs can move at all, and to this host's processor: said before anything is sent, in words for its owner. */
import { compareFlag, hasCode, type Libvirt } from '../../../lib/libvirt/index.ts'
import { missingFlags } from '../../../model/cpu-flags.ts'
import { Failure } from '../../ports.ts'
import type { DomainHost } from '../libvirt/domain-xml.ts'
import { machineOf, virtTypeOf } from '../libvirt/domain-xml.ts'
import { explain } from '../libvirt/explain.ts'
import { childOf, childrenOf, readXml } from '../libvirt/read-xml.ts'
import { renderXml } from '../libvirt/xml.ts'

export interface HostCpu {
  readonly model: string
  readonly flags: readonly string[]
}

/** At the source: throws Failure with what keeps the guest on its host. `xml`: libvirt's, of the domain that runs. `qemu`: such as 7.2.22. */
export function mustBeMovable(xml: string, qemu: string): void {
  const devices = childOf(readXml(xml), 'devices')
  for (const device of devices === undefined ? [] : childrenOf(devices)) {
    const { type } = device.attributes
    if (device.name === 'hostdev' || (device.name === 'interface' && type === 'hostdev')) {
      throw new Failure(
        'The guest has a device of its host (PCI passthrough), and cannot move while it runs. Stop it, and move it then.',
      )
    }
    // QEMU learned to move its own end of a clipboard's line with version 10.1.
    if (device.name === 'channel' && type === 'qemu-vdagent' && !isSince(qemu, 10, 1)) {
      throw new Failure(
        `The guest’s clipboard keeps it on its host: QEMU ${qemu} cannot move a VNC clipboard (10.1 and later can). Set the clipboard to "none", or the screen to SPICE, then stop and start the guest; or move it while it is off.`,
      )
    }
  }
}

/**
 * At the source, as `mustBeMovable`: whether QEMU may not know what the guest wrote while it moves. Without KVM its own record of that misses
 * writes; mended in 9.0 (commit 03bfc2188f06, "physmem: Fix migration dirty bitmap coherency with TCG memory access").
 */
export function forgetsWrites(xml: string, qemu: string): boolean {
  return readXml(xml).attributes['type'] === 'qemu' && !isSince(qemu, 9, 0)
}

/** At the target: throws Failure that names what its processor cannot give. `xml`: the domain as it will be here. */
export async function mustFitProcessor(
  libvirt: Libvirt,
  xml: string,
  host: DomainHost,
  hosts: { readonly source: HostCpu; readonly own: HostCpu },
): Promise<void> {
  const cpu = childOf(readXml(xml), 'cpu')
  if (cpu === undefined) return
  const { mode, check } = cpu.attributes
  if (mode === 'host-passthrough') return mustBeAlike(hosts)
  // Nothing is asked of the processor: it is emulated whole.
  if (check === 'none') return
  const machine = { arch: host.arch, machine: machineOf(host), virt_type: virtTypeOf(host) }
  try {
    await libvirt.host.compareHypervisorCpu(renderXml(cpu), machine, compareFlag.fail_incompatible)
  } catch (error) {
    if (hasCode(error, 'no_support', 'argument_unsupported', 'operation_unsupported', 'config_unsupported')) return
    if (!hasCode(error, 'cpu_incompatible')) throw new Failure(explain(error), { cause: error })
    const missing = /required features: (.*?)(?: \(|$)/.exec(error.message)?.[1]
    throw new Failure(
      missing === undefined
        ? `The target’s processor does not fit the guest’s: ${explain(error)}. Choose another host.`
        : `The target’s processor lacks what the guest was started with: ${missing}. Choose another host, or start the guest with a CPU model that both have.`,
      { cause: error },
    )
  }
}

/** A guest that sees its host's processor as it is finds exactly that one on the other host, or none that it knows. */
function mustBeAlike({ source, own }: { readonly source: HostCpu; readonly own: HostCpu }): void {
  const missing = missingFlags(own.flags, source.flags)
  if (missing.length > 0) {
    throw new Failure(
      `The guest sees its host’s processor as it is ("host-passthrough"), and the target’s lacks: ${missing.slice(0, 20).join(', ')}. Choose a host with the same processor, or start the guest with another CPU model.`,
    )
  }
  if (source.model !== own.model) {
    throw new Failure(
      `The guest sees its host’s processor as it is ("host-passthrough"): "${source.model}" there, and the target has "${own.model}". Choose a host with the same processor, or start the guest with another CPU model.`,
    )
  }
}

function isSince(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number)
  return first > major || (first === major && second >= minor)
}
