/** What is said of an image that Croft reads: what it asks of hosts, and what its instances are given. */
import Type, { type Static } from 'typebox'
import { clipboardKinds, graphicsKinds, videoModels } from '../model/graphics.ts'
import { firmwares } from '../model/hardware.ts'
import { limits } from '../model/limits.ts'
import { nicModels } from '../model/nic.ts'
import { closed, oneOf } from './common.ts'

const word = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}$',
      title: 'A word of letters, digits and ._+-',
      description,
    }),
  )

/** What an image may ask of hardware, or insist that its flavor has: docs/hardware.md. */
const Short = Type.String({ maxLength: limits.tag_value_length_max })
const hardwareProperties = {
  'cpu.model': Type.Optional(Short),
  'cpu.topology': Type.Optional(Short),
  'cpu.flags.required': Type.Optional(Short),
  'cpu.flags.forbidden': Type.Optional(Short),
  'numa.nodes': Type.Optional(Short),
  'cpu.policy': Type.Optional(
    oneOf(['shared', 'dedicated'], { description: 'dedicated: only with a flavor that has it' }),
  ),
  'memory.page_size': Type.Optional(Short),
  firmware: Type.Optional(oneOf(firmwares, { description: 'Without it BIOS; on aarch64 always uefi' })),
  secure_boot: Type.Optional(
    oneOf(['true', 'false'], {
      description: 'true: starts only what Microsoft’s keys have signed; needs firmware=uefi',
    }),
  ),
  tpm: Type.Optional(oneOf(['none', '2.0'], { description: '2.0: a TPM of its own (CRB; on aarch64 TIS)' })),
}

/** What Croft reads of the system on it, and no word more: others are refused, so that a slip is seen. Tags are for those. */
export const ImageProperties = closed({
  architecture: Type.Optional(oneOf(['x86_64', 'aarch64'], { description: 'Hosts of another are not chosen' })),
  cpu_flags: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9._-]*(,[a-z0-9][a-z0-9._-]*)*$',
      maxLength: limits.tag_value_length_max,
      title: 'CPU flags in lower case, with commas between',
      description: 'CPU flags that the host must have, with commas between',
    }),
  ),
  virtualisation: Type.Optional(
    oneOf(['kvm', 'tcg'], { description: 'Hosts that run guests otherwise are not chosen; tcg: emulated' }),
  ),
  ...hardwareProperties,
  disk_bus: Type.Optional(
    oneOf(['virtio', 'scsi', 'sata', 'ide'], { description: 'virtio unless said otherwise; ide is had as sata' }),
  ),
  nic_model: Type.Optional(oneOf(nicModels, { description: 'virtio unless said otherwise' })),
  graphics: Type.Optional(
    oneOf(graphicsKinds, { description: 'Of its instances, unless they say otherwise; vnc unless said otherwise' }),
  ),
  clipboard: Type.Optional(
    oneOf(clipboardKinds, { description: 'shared: spice-vdagent is on it; none unless said otherwise' }),
  ),
  video_model: Type.Optional(oneOf(videoModels, { description: 'Of its instances, unless they say otherwise' })),
  os: word('Such as debian, or windows, whose guests get a clock in local time and, under KVM, what Hyper-V offers'),
  os_version: word('Such as 12'),
  user: Type.Optional(
    Type.String({
      pattern: '^[a-z_][a-z0-9_-]{0,31}$',
      title: 'An account: lower case letters, digits, _ and -',
      description: 'Account that the key pairs open',
    }),
  ),
  description: Type.Optional(Type.String({ maxLength: limits.tag_value_length_max })),
})
export type ImageProperties = Static<typeof ImageProperties>
