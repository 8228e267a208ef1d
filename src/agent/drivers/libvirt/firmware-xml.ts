/**
 * What starts a guest's system, in libvirt's XML: firmware, secure boot and TPM. Pure. libvirt finds the files itself by what is asked for
 * (its firmware autoselection, from what is installed). What firmware and TPM remember is the instance's: machine-state.ts.
 */
import { join } from 'node:path'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import type { DomainHost } from './domain-xml.ts'
import { element, type Element } from './xml.ts'

type Machine = Pick<WantedInstance, 'id' | 'hardware'>
type Host = Pick<DomainHost, 'arch' | 'machine_directory'>

/** Where what an instance's machine remembers is kept, beside its disks. */
export function machineDirectory(directory: string, id: string): string {
  return join(directory, id)
}

export function nvramPath(directory: string, id: string): string {
  return join(machineDirectory(directory, id), 'nvram.fd')
}

/** ARM's machine has no firmware of its own. */
export function hasUefi({ hardware }: Pick<Machine, 'hardware'>, arch: string): boolean {
  return arch === 'aarch64' || hardware?.firmware === 'uefi'
}

/** Attributes and elements of `os`. Without a word about them, libvirt would take firmware with keys and secure boot where there is some. */
export function firmwareOf(instance: Machine, host: Host): { attributes: { firmware?: 'efi' }; parts: Element[] } {
  if (!hasUefi(instance, host.arch)) return { attributes: {}, parts: [] }
  const secure = isSecure(instance)
  const feature = (name: string) => element('feature', { enabled: secure ? 'yes' : 'no', name })
  const nvram = element('nvram', {}, nvramPath(host.machine_directory, instance.id))
  if (host.arch !== 'x86_64') return { attributes: { firmware: 'efi' }, parts: [nvram] }
  return {
    attributes: { firmware: 'efi' },
    parts: [
      element('firmware', {}, feature('enrolled-keys'), feature('secure-boot')),
      ...(secure ? [element('loader', { secure: 'yes' })] : []),
      nvram,
    ],
  }
}

/** Only code in system management mode, which is the firmware's, may write to its memory then. */
export function smm(instance: Machine): Element | null {
  return isSecure(instance) ? element('smm', { state: 'on' }) : null
}

/** What it keeps stays when its domain is undefined: its state is removed with the instance, and not with a definition. */
export function tpm({ hardware }: Machine, { arch }: Pick<Host, 'arch'>): Element | null {
  if (hardware?.tpm === undefined) return null
  const backend = element('backend', { type: 'emulator', version: hardware.tpm, persistent_state: 'yes' })
  return element('tpm', { model: arch === 'x86_64' ? 'tpm-crb' : 'tpm-tis' }, backend)
}

function isSecure({ hardware }: Machine): boolean {
  return hardware?.secure_boot === true
}
