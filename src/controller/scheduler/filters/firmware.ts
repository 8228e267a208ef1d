/** Only hosts that have what the guest's machine asks for: UEFI, firmware for secure boot, a TPM; or a BIOS. */
import { featuresNeeded, type MachineFeature } from '../../../model/hardware.ts'
import type { Filter } from '../filter.ts'
import type { HostSnapshot, PlacementAsked } from '../snapshot.ts'

/** What it is, and which packages of Debian bring it. */
const words: Readonly<Record<MachineFeature, string>> = {
  uefi: 'UEFI firmware (install ovmf, on aarch64 qemu-efi-aarch64)',
  secure_boot: 'firmware for secure boot (install ovmf)',
  tpm: 'program for TPMs (install swtpm and swtpm-tools)',
}

const told = (host: HostSnapshot, { around }: PlacementAsked) => around?.hardware?.get(host.id)?.features ?? null

/** A host that has never said anything of it may have an agent of before, which would start the guest without. */
function missing(host: HostSnapshot, asked: PlacementAsked): MachineFeature[] {
  const there = told(host, asked) ?? []
  return asked.hardware ? featuresNeeded(asked.hardware).filter(feature => !there.includes(feature)) : []
}

function lacking(host: HostSnapshot, asked: PlacementAsked): string {
  const features = missing(host, asked)
  return told(host, asked) === null
    ? `has not told what its machines can have (${features.join(', ')}): its libvirt has not answered its agent yet, or the agent is of a version before`
    : features.map(feature => `has no ${words[feature]}`).join(', and ')
}

const lacksBios = ({ arch }: HostSnapshot, { hardware }: PlacementAsked) =>
  hardware?.firmware === 'bios' && arch === 'aarch64'

export const firmware: Filter = {
  fault: 'no such firmware or TPM',
  remedy:
    'install what its hosts lack (ovmf for UEFI and secure boot, swtpm and swtpm-tools for TPMs) and restart their agents, or wait a minute for hosts that have not told yet',
  applies: ({ hardware }) =>
    hardware?.firmware === 'bios' || (hardware !== undefined && featuresNeeded(hardware).length > 0),
  refuses: (host, _, asked) => lacksBios(host, asked) || missing(host, asked).length > 0,
  why: (host, _, asked) =>
    lacksBios(host, asked) ? 'has no BIOS: machines of aarch64 have UEFI alone' : lacking(host, asked),
}
