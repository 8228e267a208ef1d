/**
 * The CPU that guests can have on this host, the one that guests of several hosts can have, and whether this host has what a guest
 * asks: as libvirt reckons it (libvirt.org/formatdomain.html, CPU model and topology; virConnectBaselineHypervisorCPU).
 */
import { Value } from 'typebox/value'
import { baselineFlag, compareFlag, hasCode, type Libvirt } from '../../../lib/libvirt/index.ts'
import { type CpuVerdict, HostCpu } from '../../../protocol/host-cpu.ts'
import { type DomainHost, machineOf, virtTypeOf } from './domain-xml.ts'
import { element, renderXml } from './xml.ts'

const target = (host: DomainHost) => ({ arch: host.arch, machine: machineOf(host), virt_type: virtTypeOf(host) })

/** Null where guests have the host's own CPU and no other (ARM), and where libvirt names none. */
export async function hostCpuOf(libvirt: Libvirt, host: DomainHost): Promise<HostCpu | null> {
  if (host.arch !== 'x86_64') return null
  const capabilities = await libvirt.host.domainCapabilities(target(host))
  const mode = /<mode name='host-model' supported='yes'>[^]*?<\/mode>/.exec(capabilities)?.[0]
  return mode === undefined ? null : readCpu(mode)
}

/** Of libvirt's XML. Null when it is none, or one with more features than can be told. */
export function readCpu(xml: string): HostCpu | null {
  const model = /<model[^>]*>([^<]*)<\/model>/.exec(xml)?.[1]
  const vendor = /<vendor>([^<]*)<\/vendor>/.exec(xml)?.[1]
  const named = (policy: string) =>
    [...xml.matchAll(/<feature ([^>]*)\/>/g)].flatMap(([, attributes = '']) =>
      attributes.includes(`policy='${policy}'`) ? (/name='([^']*)'/.exec(attributes)?.[1] ?? []) : [],
    )
  const cpu = { model, ...(vendor !== undefined && { vendor }), require: named('require'), disable: named('disable') }
  return Value.Check(HostCpu, cpu) ? cpu : null
}

/** For libvirt: of names that were checked by their shape. */
export function cpuXml({ model, vendor, require, disable }: HostCpu): string {
  return renderXml(
    element(
      'cpu',
      { mode: 'custom', match: 'exact' },
      element('model', { fallback: 'forbid' }, model),
      vendor === undefined ? null : element('vendor', {}, vendor),
      ...require.map(name => element('feature', { policy: 'require', name })),
      ...disable.map(name => element('feature', { policy: 'disable', name })),
    ),
  )
}

/** What all of these have, without what keeps guests from moving. Rejects when there is nothing, or too much to be told. */
export async function baselineOf(libvirt: Libvirt, host: DomainHost, cpus: readonly HostCpu[]): Promise<HostCpu> {
  const xml = await libvirt.host.baselineHypervisorCpu(cpus.map(cpuXml), target(host), baselineFlag.migratable)
  const cpu = readCpu(xml)
  if (cpu === null) throw new Error('libvirt names a CPU that is not understood')
  return cpu
}

export async function compareTo(libvirt: Libvirt, host: DomainHost, cpu: HostCpu): Promise<CpuVerdict> {
  try {
    const result = await libvirt.host.compareHypervisorCpu(cpuXml(cpu), target(host), compareFlag.fail_incompatible)
    return { fits: result !== 'incompatible', missing: [] }
  } catch (error) {
    if (!hasCode(error, 'cpu_incompatible')) throw error
    return { fits: false, missing: missingIn(error instanceof Error ? error.message : '') }
  }
}

/** 'the CPU is incompatible with host CPU: Host CPU does not provide required features: avx512f, pcid' */
function missingIn(message: string): string[] {
  const list = /required features: ([^()]*)/.exec(message)?.[1] ?? ''
  return list
    .split(/,\s*/)
    .filter(name => Value.Check(HostCpu.properties.require, [name]))
    .slice(0, 96)
}
