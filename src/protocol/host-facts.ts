/** What a host says of itself and its hardware, as it joins and whenever it changes. */
import Type, { type Static, type TSchema } from 'typebox'
import { HostCpu } from './host-cpu.ts'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/**
 * Hosts are not trusted: what one says of itself is kept, shown and reckoned with, so it is bounded, and a host that lies
 * about its size can bend no more than its own share. Counts stay exact as numbers after any overcommit.
 */
const Count = Type.Integer({ minimum: 0, maximum: 2 ** 32 })
const Bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const Text = Type.String({ maxLength: 512 })

export const HostFacts = Type.Object({
  hostname: Text,
  agent_version: Text,
  boot_id: Text,
  machine_id: Text,
  kernel: Text,
  os: Text,
  arch: Text,
  cpu_model: Text,
  cpu_flags: Type.Array(Text, { maxItems: 4096 }),
  cpus: Type.Integer({ minimum: 1, maximum: 65_536 }),
  cores: Count,
  sockets: Count,
  memory_mib: Count,
  huge_pages: Type.Array(Type.Object({ size_kib: Count, total: Count }), { maxItems: 64 }),
  numa: Type.Array(
    Type.Object({
      node: Count,
      cpus: Type.Array(Count, { maxItems: 65_536 }),
      memory_mib: Count,
      huge_pages: Type.Optional(Type.Array(Type.Object({ size_kib: Count, total: Count }), { maxItems: 64 })),
    }),
    { maxItems: 1024 },
  ),
  /** CPUs that are threads of one core. */
  thread_siblings: Type.Optional(Type.Array(Type.Array(Count, { maxItems: 64 }), { maxItems: 65_536 })),
  /** The CPU that a guest can have here at most: its host's, as far as it can be given; absent where guests have nothing else. */
  host_cpu: Type.Optional(HostCpu),
  /** Models that a guest can have here, as libvirt says of its hypervisor. */
  cpu_models: Type.Optional(Type.Array(Text, { maxItems: 1024 })),
  /** What a guest's machine can have here beside what all have: 'uefi', 'secure_boot', 'tpm'. */
  machine_features: Type.Optional(Type.Array(Text, { maxItems: 64 })),
  disks: Type.Array(Type.Object({ name: Text, size_bytes: Bytes, model: Text, rotational: Type.Boolean() }), {
    maxItems: 4096,
  }),
  nics: Type.Array(
    Type.Object({
      name: Text,
      mac: Text,
      mtu: Count,
      speed_mbps: Nullable(Count),
      driver: Text,
      sriov_vfs: Count,
    }),
    { maxItems: 4096 },
  ),
  pci: Type.Array(
    Type.Object({
      address: Text,
      vendor: Text,
      device: Text,
      class: Text,
      driver: Type.Optional(Text),
      /** What is in one group cannot be kept apart; null: no IOMMU, and so nothing for guests. */
      iommu_group: Type.Optional(Nullable(Text)),
      numa_node: Type.Optional(Nullable(Count)),
      /** Of a virtual function (SR-IOV): the device that it is one of. */
      physical_function: Type.Optional(Text),
      /** What the host itself needs it for ('disk sda', 'nic eth0'): never a guest's. */
      used_by: Type.Optional(Nullable(Text)),
    }),
    { maxItems: 16_384 },
  ),
  virtualisation: Type.Union([Type.Literal('kvm'), Type.Literal('tcg')]),
  /** Free room of the pool for root disks. */
  pool_total_gib: Count,
  pool_free_gib: Count,
  libvirt_version: Text,
  qemu_version: Text,
  ovs_version: Text,
  ovn_version: Text,
  datapath: Text,
  /** The address that other hosts' tunnels reach. */
  tunnel_address: Text,
  /** The pool that root disks are in, by the mark in its directory: hosts that say the same share it. */
  pool_id: Type.Optional(Uuid),
  /** What lies beside that mark, for the controller alone: who has not read the directory does not know it. */
  pool_secret: Type.Optional(Type.String({ minLength: 16, maxLength: 128 })),
})
export type HostFacts = Static<typeof HostFacts>
