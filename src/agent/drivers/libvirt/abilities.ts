/** What a guest asks of its screen that this host's libvirt and QEMU can do, by asking them. */
import type { Libvirt } from '../../../lib/libvirt/index.ts'
import type { MachineFeature } from '../../../model/hardware.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import { type DomainHost, machineOf, virtTypeOf } from './domain-xml.ts'
import { abilitiesOf, possible } from './graphics.ts'

export async function versionsOf(libvirt: Libvirt): Promise<{ libvirt: string; qemu: string }> {
  return { libvirt: await libvirt.host.libvirtVersion(), qemu: await libvirt.host.hypervisorVersion() }
}

/** CPU models that guests can have here, under the virtualisation that they run with. */
export async function cpuModelsOf(libvirt: Libvirt, host: DomainHost): Promise<string[]> {
  const machine = { arch: host.arch, machine: machineOf(host), virt_type: virtTypeOf(host) }
  return usableModels(await libvirt.host.domainCapabilities(machine))
}

/** What guests' machines can have here, as far as it is installed. */
export async function machineFeaturesOf(libvirt: Libvirt, host: DomainHost): Promise<MachineFeature[]> {
  const machine = { arch: host.arch, machine: machineOf(host), virt_type: virtTypeOf(host) }
  return featuresIn(await libvirt.host.domainCapabilities(machine))
}

/** Files of firmware that libvirt would give guests here. */
export async function loadersOf(libvirt: Libvirt, host: DomainHost): Promise<string[]> {
  const machine = { arch: host.arch, machine: machineOf(host), virt_type: virtTypeOf(host) }
  const capabilities = await libvirt.host.domainCapabilities(machine)
  const part = /<loader supported='yes'>([^]*?)<enum/.exec(capabilities)?.[1] ?? ''
  return [...part.matchAll(/<value>([^<]+)<\/value>/g)].flatMap(([, path]) => path ?? [])
}

/** From libvirt's domain capabilities. A TPM takes swtpm and its tools: without them libvirt names no emulator. */
export function featuresIn(capabilities: string): MachineFeature[] {
  const values = (part: string, list: string) => {
    const inside = new RegExp(`<${part} supported='yes'>[^]*?</${part}>`).exec(capabilities)?.[0] ?? ''
    return new RegExp(`<enum name='${list}'>([^]*?)</enum>`).exec(inside)?.[1] ?? ''
  }
  return [
    ...(values('os', 'firmware').includes('>efi<') ? (['uefi'] as const) : []),
    ...(values('loader', 'secure').includes('>yes<') ? (['secure_boot'] as const) : []),
    ...(values('tpm', 'backendModel').includes('>emulator<') ? (['tpm'] as const) : []),
  ]
}

const modelsMax = 1024

/** From libvirt's domain capabilities: the models of mode 'custom' that are usable. */
export function usableModels(capabilities: string): string[] {
  const custom = /<mode name='custom' supported='yes'>[^]*?<\/mode>/.exec(capabilities)?.[0] ?? ''
  const models = custom.matchAll(/<model ([^>]*)>([A-Za-z0-9._-]{1,64})<\/model>/g)
  return [...models]
    .flatMap(([, attributes = '', name = '']) => (attributes.includes("usable='yes'") ? [name] : []))
    .slice(0, modelsMax)
    .sort()
}

/** The instance without what the host cannot give it. Asked each time: packages come and go, and libvirt keeps the answer itself. */
export async function asPossible(
  libvirt: Libvirt,
  instance: WantedInstance,
  host: DomainHost,
): Promise<WantedInstance> {
  const { graphics = 'vnc', clipboard = 'none', video_model = 'vga' } = instance
  // What most guests have: nothing has to be asked for them.
  if (graphics === 'vnc' && clipboard === 'none' && video_model === 'vga') return instance
  const machine = { arch: host.arch, machine: machineOf(host), virt_type: virtTypeOf(host) }
  const capabilities = await libvirt.host.domainCapabilities(machine)
  return { ...instance, ...possible(instance, abilitiesOf(capabilities, await versionsOf(libvirt))) }
}
