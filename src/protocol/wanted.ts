/**
 * What a controller wants of a host: versioned objects, sent on connect (what the host has already is only named) and then as changes. The agent keeps
 * the last it was told on its local disk and acts by it alone, controller or not.
 * Nothing here says how; that is the agent's.
 */
import Type, { type Static } from 'typebox'
import {
  type ClipboardKind,
  clipboardKinds,
  type GraphicsKind,
  graphicsKinds,
  type VideoModel,
  videoModels,
} from '../model/graphics.ts'
import { type NicModel, nicModels } from '../model/nic.ts'
import { CpuFeatures } from './host-cpu.ts'
import { WantedHardware } from './hardware.ts'
import { WantedMigration } from './migration.ts'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })

/**
 * A host may show what it holds, and hosts are not trusted: the database goes beyond what is shown, and sums it up with what others
 * have. Far more than there can be, and far less than where numbers are exact no more.
 */
export const Version = Type.Integer({ minimum: 0, maximum: 2 ** 52 })
export const RebootCount = Type.Integer({ minimum: 0, maximum: 2 ** 30 })
const Amount = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })

export const WantedDisk = Type.Object({
  volume_id: Uuid,
  /**
   * 'root' boots; its content starts as a copy-on-write clone of the image, or empty. 'ephemeral' has an empty ext4 file
   * system, 'swap' is formatted as such. 'cdrom' is the image itself, read-only; its volume_id is the instance's id.
   */
  role: Type.Union([
    Type.Literal('root'),
    Type.Literal('data'),
    Type.Literal('ephemeral'),
    Type.Literal('swap'),
    Type.Literal('cdrom'),
  ]),
  /** Its host had content of it before: where it is not any more it is lost, and never made anew. */
  made: Type.Optional(Type.Boolean()),
  size_gib: Amount,
  /** Where it is no whole number of GiB. */
  size_mib: Type.Optional(Amount),
  image: Type.Union([
    Type.Object({
      image_id: Uuid,
      sha256: Type.String(),
      size_bytes: Type.Integer(),
      format: Type.Union([Type.Literal('qcow2'), Type.Literal('raw')]),
    }),
    Type.Null(),
  ]),
  bus: Type.Union([Type.Literal('virtio'), Type.Literal('scsi'), Type.Literal('sata'), Type.Literal('ide')]),
  /** It stays on the host when its instance is purged. */
  keep: Type.Optional(Type.Boolean()),
})
export type WantedDisk = Static<typeof WantedDisk>

export const WantedAddress = Type.Object({
  address: Type.String(),
  prefix_length: Type.Integer(),
  gateway: Type.Union([Type.String(), Type.Null()]),
})

export const WantedPort = Type.Object({
  port_id: Uuid,
  network_id: Uuid,
  mac: Type.String(),
  mtu: Type.Integer(),
  addresses: Type.Array(WantedAddress),
  dns: Type.Array(Type.String()),
  model: Type.Unsafe<NicModel>({ type: 'string', enum: [...nicModels] }),
})
export type WantedPort = Static<typeof WantedPort>

/** What the guest may read of itself through config drive and metadata service. */
export const WantedMetadata = Type.Object({
  hostname: Type.String(),
  name: Type.String(),
  project_id: Uuid,
  zone: Type.String(),
  flavor: Type.String(),
  image: Type.String(),
  public_keys: Type.Array(Type.Object({ name: Type.String(), public_key: Type.String() })),
  /** Base64 of the user data as given, or null. */
  user_data: Type.Union([Type.String(), Type.Null()]),
  tags: Type.Record(Type.String(), Type.String()),
  /** RFC 3339. */
  created_at: Type.String(),
  floating_addresses: Type.Array(Type.String()),
  security_groups: Type.Array(Type.String()),
})
export type WantedMetadata = Static<typeof WantedMetadata>

export const WantedInstance = Type.Object({
  id: Uuid,
  /** Grows with every change below, but for `metadata`, `ports` and how the screen is shown, which have a version of their own. */
  generation: Version,
  /** Changes when any of those does: nothing has to be done to a guest that runs. */
  details_version: Version,
  /**
   * How often its host has changed. Of two hosts that both take it for their own, the one that was told more is right; a host refuses
   * less than it was told before. Absent: a controller that does not count.
   */
  placement: Type.Optional(Version),
  /**
   * 'running', 'stopped': as the user wants. 'deleted': stopped, undefined from libvirt, disks kept for recovery.
   * 'purged': nothing of it may remain; the host then reports 'absent'.
   */
  power: Type.Union([
    Type.Literal('running'),
    Type.Literal('stopped'),
    Type.Literal('deleted'),
    Type.Literal('purged'),
  ]),
  /** Grows with each wanted reboot; when it is more than what was done, the guest is rebooted once, `reboot_kind` saying how. */
  reboot_count: RebootCount,
  reboot_kind: Type.Union([Type.Literal('soft'), Type.Literal('hard')]),
  /** How long a guest may take to shut down before it is cut off. */
  stop_timeout_s: Type.Integer(),
  vcpus: Type.Integer({ minimum: 1, maximum: 65_536 }),
  memory_mib: Amount,
  /** 'host-model', 'host-passthrough', 'default' (the host's choice) or a model's name. */
  cpu_model: Type.String(),
  /** Beside a model that is named: what the guest has of the CPU that its cluster's hosts have in common. */
  cpu_features: Type.Optional(CpuFeatures),
  /** What of this host is its own, and what else it sees of CPUs and memory; changes only with the generation, or the host. */
  hardware: Type.Optional(WantedHardware),
  /** The guest's system, where it needs a machine of its own kind: 'windows' keeps its clock in local time and knows Hyper-V's ways. */
  os_family: Type.Optional(Type.Literal('windows')),
  /** As the guest sees them: the root disk first. */
  disks: Type.Array(WantedDisk),
  /** What firmware tries, in this order; without it the root disk alone. */
  boot_order: Type.Optional(
    Type.Array(Type.Union([Type.Literal('disk'), Type.Literal('cdrom'), Type.Literal('network')])),
  ),
  ports: Type.Array(WantedPort),
  config_drive: Type.Boolean(),
  watchdog_action: Type.Union([
    Type.Literal('none'),
    Type.Literal('reset'),
    Type.Literal('poweroff'),
    Type.Literal('pause'),
    Type.Literal('dump'),
  ]),
  /** These from the next start on, and so of the details; without them VNC, and a clipboard that is nobody else's. */
  graphics: Type.Optional(Type.Unsafe<GraphicsKind>({ type: 'string', enum: [...graphicsKinds] })),
  clipboard: Type.Optional(Type.Unsafe<ClipboardKind>({ type: 'string', enum: [...clipboardKinds] })),
  video_model: Type.Optional(Type.Unsafe<VideoModel>({ type: 'string', enum: [...videoModels] })),
  /** 'high': runs only under the host's lease, and the watchdog kills it when that runs out; see src/model/lease.ts. Of the details. */
  availability: Type.Optional(Type.Union([Type.Literal('restart'), Type.Literal('high')])),
  /** What becomes of a guest that crashes; without it 'restart', with back-off. Of the details. */
  on_crash: Type.Optional(Type.Union([Type.Literal('restart'), Type.Literal('stop')])),
  metadata: WantedMetadata,
  /** What this host does of a move to or from another one; changes the generation on neither host. */
  migration: Type.Optional(WantedMigration),
})
export type WantedInstance = Static<typeof WantedInstance>

/** A network with at least one port wanted on this host: what the metadata service needs to listen there. */
export const WantedNetwork = Type.Object({
  network_id: Uuid,
  version: Type.Integer(),
  /** The localport through which this network's guests reach the metadata service. */
  metadata_port_id: Uuid,
  metadata_mac: Type.String(),
  metadata_addresses: Type.Array(WantedAddress),
  mtu: Type.Integer(),
})
export type WantedNetwork = Static<typeof WantedNetwork>

/** How the host joins the logical networks. */
export const WantedHost = Type.Object({
  version: Type.Integer(),
  /** OVSDB remote of OVN's southbound database: 'unix:…' on the controller's own machine, else 'ssl:…' or 'tcp:…'. */
  ovn_southbound: Type.String(),
  /** Bridge per physical network. */
  physical_networks: Type.Record(Type.String(), Type.String()),
  /** Where this host is the way outside: the external bridge's own address, CIDR, or null. */
  external_gateway: Type.Union([Type.String(), Type.Null()]),
  /** How often the host measures itself and its guests; without it, or 0, never. */
  metrics_interval_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 3600 })),
  /** The controller reads samples that are packed. */
  packed_samples: Type.Optional(Type.Boolean()),
})
export type WantedHost = Static<typeof WantedHost>
