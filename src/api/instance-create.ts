/** What is asked for when an instance is made: for one, for many alike, and for looking at what would come of it. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, Name, NewName, oneOf, Tags, Uuid, uuidOf } from './common.ts'
import { Clipboard, Graphics, VideoModel } from './console.ts'
import { Availability, HaPriority, OnCrash, WatchdogActionOf } from './recovery.ts'

export const DifferentFrom = Type.Optional(
  Type.Array(Uuid, { maxItems: 64, uniqueItems: true, description: 'On another host than each of these instances' }),
)
export const SameAs = Type.Optional(
  Type.Array(Uuid, { maxItems: 64, uniqueItems: true, description: 'On the host of these instances' }),
)

export const InstanceCreate = closed({
  name: NewName,
  count: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.instance_batch_max,
      description: "More than one are named 'name-1', 'name-2', …",
    }),
  ),
  flavor_id: Uuid,
  image_id: Type.Optional(
    uuidOf('Start from a copy of this image; an ISO is put in as a CD-ROM, beside an empty root disk'),
  ),
  boot_volume_id: Type.Optional(uuidOf('Start from this volume')),
  boot: Type.Optional(
    oneOf(['network'], {
      description: 'Start from the network (PXE), with an empty root disk, instead of image or volume',
    }),
  ),
  networks: Type.Optional(
    Type.Array(
      closed({
        network_id: Uuid,
        fixed_addresses: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 8 })),
        security_groups: Type.Optional(Type.Array(Uuid, { maxItems: 16, uniqueItems: true })),
      }),
      {
        maxItems: limits.ports_per_instance_max,
        description: "Without it: the project's network, when it has just one",
      },
    ),
  ),
  key_names: Type.Optional(Type.Array(Name, { maxItems: 16, description: 'Your key pairs; without it, all of them' })),
  public_keys: Type.Optional(
    Type.Array(Type.String({ maxLength: limits.key_length_max }), {
      maxItems: 16,
      description: 'In OpenSSH form, beside those of key pairs',
    }),
  ),
  user_data: Type.Optional(
    Type.String({
      maxLength: Math.ceil(limits.user_data_bytes_max / 3) * 4,
      contentEncoding: 'base64',
      description: 'Base64',
    }),
  ),
  tags: Type.Optional(Tags),
  disk_gib: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.disk_gib_max, description: "Instead of the flavor's" }),
  ),
  zone_id: Type.Optional(Uuid),
  host_id: Type.Optional(Uuid),
  group_id: Type.Optional(uuidOf('The instance group that it comes into: it is placed by its policy')),
  different_from: DifferentFrom,
  same_as: SameAs,
  config_drive: Type.Optional(Type.Boolean({ description: 'false: it asks the metadata service instead' })),
  watchdog_action: Type.Optional(WatchdogActionOf),
  availability: Type.Optional(Availability),
  ha_priority: Type.Optional(HaPriority),
  on_crash: Type.Optional(OnCrash),
  graphics: Type.Optional(Graphics),
  clipboard: Type.Optional(Clipboard),
  video_model: Type.Optional(VideoModel),
  start: Type.Optional(Type.Boolean({ description: 'false: made, but left stopped' })),
})
export type InstanceCreate = Static<typeof InstanceCreate>
