/**
 * What of a host's hardware an instance has by name or number, and what its guest sees of CPUs and NUMA: part of a wanted instance,
 * each field only where it differs from what all have. Pins, nodes and devices are this host's: another host of the same instance
 * (while it moves) is told its own.
 */
import Type, { type Static } from 'typebox'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Cpu = Type.Integer({ minimum: 0, maximum: 65_535 })
const Mib = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })
const Flag = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,31}$' })
const Few = Type.Integer({ minimum: 1, maximum: 1024 })

export const WantedCell = Type.Object({
  vcpus: Type.Array(Cpu, { maxItems: 1024 }),
  memory_mib: Mib,
  host_node: Type.Integer({ minimum: 0, maximum: 65_535 }),
  /** The CPU of each of `vcpus`; empty: they share the node's. */
  cpus: Type.Array(Cpu, { maxItems: 1024 }),
})

export const PciAddress = Type.String({ pattern: '^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]$' })

export const WantedHardware = Type.Object({
  /** Asked for by name: also an emulated guest gets it. Else `cpu_model` of the instance counts. */
  cpu_model: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })),
  flags_required: Type.Optional(Type.Array(Flag, { maxItems: 256 })),
  flags_forbidden: Type.Optional(Type.Array(Flag, { maxItems: 256 })),
  topology: Type.Optional(Type.Object({ sockets: Few, cores: Few, threads: Few })),
  /** The guest may be given so many while it runs; `vcpus` of the instance is what it has now. */
  vcpus_max: Type.Optional(Few),
  memory_max_mib: Type.Optional(Mib),
  /** Absent: as its architecture has it. Only where the host has said that it has it (HostFacts.machine_features). */
  firmware: Type.Optional(Type.Union([Type.Literal('bios'), Type.Literal('uefi')])),
  secure_boot: Type.Optional(Type.Literal(true)),
  tpm: Type.Optional(Type.Literal('2.0')),
  /** What of the memory is there from the start and never unplugged: the rest is DIMMs (model/growth.ts). */
  memory_base_mib: Type.Optional(Mib),
  cells: Type.Optional(Type.Array(WantedCell, { maxItems: 64 })),
  /** Huge pages of this size for all of its memory. */
  page_size_kib: Type.Optional(Type.Integer({ minimum: 4, maximum: 2 ** 31 - 1 })),
  /** Beside isolated CPUs: nobody runs there. */
  idle_cpus: Type.Optional(Type.Array(Cpu, { maxItems: 1024 })),
  pci: Type.Optional(
    Type.Array(
      Type.Object({
        address: PciAddress,
        /** The function is this port's NIC, with its MAC, in place of one on the integration bridge. */
        port_id: Type.Optional(Uuid),
      }),
      { maxItems: 64 },
    ),
  ),
})
export type WantedHardware = Static<typeof WantedHardware>
