/**
 * What a host measures: counters as they stand (they only grow, but for a reset) and gauges. Bounded, as all that hosts say; rates and
 * history are the controller's.
 */
import Type, { type Static } from 'typebox'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const Bytes = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
/** As the kernel or libvirt name a device; one that is called otherwise is not measured. */
export const deviceName = /^[A-Za-z0-9._:-]{1,32}$/
const Device = Type.String({ pattern: deviceName.source })
/** What a host calls the pool that its disks are in. */
export const ownPool = 'local'

const DiskSample = Type.Object({
  name: Device,
  read_bytes: Bytes,
  write_bytes: Bytes,
  read_ops: Bytes,
  write_ops: Bytes,
})
const NicSample = Type.Object({
  name: Device,
  receive_bytes: Bytes,
  transmit_bytes: Bytes,
  receive_packets: Bytes,
  transmit_packets: Bytes,
  drops: Bytes,
})
export type DiskSample = Static<typeof DiskSample>
export type NicSample = Static<typeof NicSample>

const measured = {
  cpus: Type.Integer({ minimum: 1, maximum: 65_536 }),
  /** CPU time used since a beginning that may move. */
  cpu_s: Type.Number({ minimum: 0, maximum: 2 ** 48 }),
  /** Null where it cannot be told. */
  memory_used_bytes: Type.Union([Bytes, Type.Null()]),
  memory_size_bytes: Bytes,
  disks: Type.Array(DiskSample, { maxItems: 64 }),
  nics: Type.Array(NicSample, { maxItems: 64 }),
}

export const InstanceSample = Type.Object({ id: Uuid, ...measured })
export type InstanceSample = Static<typeof InstanceSample>

/** What is counted of a disk and of a NIC, in the order in which it is told and kept. */
export const diskFields = ['read_bytes', 'write_bytes', 'read_ops', 'write_ops'] as const
export const nicFields = ['receive_bytes', 'transmit_bytes', 'receive_packets', 'transmit_packets', 'drops'] as const

const devices_max = 64
const devicePart = deviceName.source.slice(1, -1)
/** Names, with commas between. */
const Devices = Type.String({ maxLength: devices_max * 33, pattern: `^(${devicePart}(,${devicePart})*)?$` })

/**
 * A sample of an instance without the names of its fields: ten thousand of them a second reach a controller of ten thousand hosts, and most of
 * what they cost is reading them. `values`: cpu_s, memory used and memory size, then the fields of each disk, then those of each NIC.
 */
export const PackedSample = Type.Object({
  id: Uuid,
  cpus: measured.cpus,
  disks: Devices,
  nics: Devices,
  values: Type.Array(Type.Union([Bytes, Type.Null()]), {
    minItems: 3,
    maxItems: 3 + devices_max * (diskFields.length + nicFields.length),
  }),
})
export type PackedSample = Static<typeof PackedSample>

export function packSample({ id, cpus, disks, nics, ...sample }: InstanceSample): PackedSample {
  const names = (all: readonly { name: string }[]) => all.map(one => one.name).join()
  const values: PackedSample['values'] = [sample.cpu_s, sample.memory_used_bytes, sample.memory_size_bytes]
  for (const disk of disks) for (const field of diskFields) values.push(disk[field])
  for (const nic of nics) for (const field of nicFields) values.push(nic[field])
  return { id, cpus, disks: names(disks), nics: names(nics), values }
}

export const HostSample = Type.Object({
  ...measured,
  load1: Type.Number({ minimum: 0, maximum: 1_000_000 }),
  pools: Type.Array(Type.Object({ name: Device, used_bytes: Bytes, size_bytes: Bytes }), { maxItems: 64 }),
})
export type HostSample = Static<typeof HostSample>

/** Of a host that needs no lease: the next word of it comes within so long. Without it, within a heartbeat. */
export const Within = Type.Integer({ minimum: 0, maximum: 60_000 })

export const SamplesFrame = Type.Object({
  type: Type.Literal('samples'),
  /** By a clock of the host that does not jump: the time between two samplings is what counts. */
  taken_ms: Type.Number({ minimum: 0, maximum: 2 ** 52 }),
  host: Type.Union([HostSample, Type.Null()]),
  instances: Type.Array(InstanceSample, { maxItems: 16_384 }),
  /** Instances, in place of `instances`, to a controller that reads it: `packed_samples` of the wanted host. */
  packed: Type.Optional(Type.Array(PackedSample, { maxItems: 16_384 })),
  /** Wants a pong, as a ping that was sent then. */
  asks_ms: Type.Optional(Type.Number()),
  within_ms: Type.Optional(Within),
})
export type SamplesFrame = Static<typeof SamplesFrame>
