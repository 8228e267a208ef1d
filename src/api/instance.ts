/** Instances: machines of the cloud. */
import Type, { type Static } from 'typebox'
import { availabilities } from '../model/availability.ts'
import { consoleKinds } from '../model/console.ts'
import type { ErrorCode } from '../model/errors.ts'
import { firmwares } from '../model/hardware.ts'
import { type InstanceMove, instanceMoves, instanceStates } from '../model/instance.ts'
import { limits } from '../model/limits.ts'
import { bootSources } from '../model/volume.ts'
import { closed, Name, NewName, nullable, oneOf, page, pageQuery, Tags, Time, Uuid, uuidOf } from './common.ts'
import { Clipboard, ConsoleTicket, Graphics, VideoModel } from './console.ts'
import { OnHost } from './host-hardware.ts'
import { DifferentFrom, InstanceCreate, SameAs } from './instance-create.ts'
import { FromNextStart, InstanceAddress, InstanceMigration } from './instance-parts.ts'
import { Operation } from './operation.ts'
import { InstancePlacement, InstancePlan } from './placement.ts'
import { Availability, Crashes, HaPriority, OnCrash, WatchdogActionOf, WatchdogFired } from './recovery.ts'
import { route } from './route.ts'

export const Instance = closed({
  id: Uuid,
  name: Name,
  hostname: Type.String(),
  state: oneOf(instanceStates),
  reason: nullable(Type.String({ description: 'Why it is in error or unknown, in plain words' })),
  step: nullable(Type.String({ description: 'What its host is doing for it now' })),
  percent: nullable(Type.Integer()),
  project_id: Uuid,
  user_id: Uuid,
  host_id: nullable(Uuid),
  host: nullable(Name),
  zone: Name,
  flavor_id: Uuid,
  flavor: Name,
  image_id: nullable(Uuid),
  image: nullable(Name),
  boot: oneOf(bootSources, { description: 'What it starts from' }),
  vcpus: Type.Integer(),
  memory_mib: Type.Integer(),
  vcpus_max: Type.Integer({ description: 'How far it may grow; the same as it has: not at all' }),
  memory_max_mib: Type.Integer(),
  disk_gib: Type.Integer({ description: 'Of the root disk' }),
  ephemeral_gib: Type.Integer(),
  swap_mib: Type.Integer(),
  addresses: Type.Array(InstanceAddress),
  volumes: Type.Array(Uuid),
  guest_agent: oneOf(['connected', 'disconnected'], { description: 'Whether qemu-guest-agent runs in the guest' }),
  guest_addresses: Type.Array(Type.String(), {
    description: 'Addresses that the guest says it has; it may say anything',
  }),
  guest_os: nullable(Type.String({ description: 'The system that the guest says it runs' })),
  group_id: nullable(uuidOf('The instance group that it is in')),
  same_as: Type.Array(Uuid, { description: 'On whose host it is to be' }),
  different_from: Type.Array(Uuid, { description: 'On whose host it is not to be' }),
  tags: Tags,
  key_names: Type.Array(Type.String()),
  config_drive: Type.Boolean(),
  availability: Availability,
  ha_priority: HaPriority,
  ha_obstacle: nullable(
    Type.String({
      description:
        'Highly available: why it would not be started elsewhere if its host were lost now, or is not although it is; null: it would be',
    }),
  ),
  on_crash: OnCrash,
  watchdog_action: WatchdogActionOf,
  crashes: nullable(Crashes),
  watchdog: nullable(WatchdogFired),
  graphics: Graphics,
  clipboard: Clipboard,
  video_model: VideoModel,
  firmware: nullable(oneOf(firmwares, { description: 'Null: as its architecture has it, BIOS or on aarch64 UEFI' })),
  secure_boot: Type.Boolean({ description: 'It starts only what its firmware’s keys have signed' }),
  tpm: nullable(Type.String({ description: 'The version of its TPM; null: it has none' })),
  wanted_power: oneOf(['running', 'stopped']),
  moves: Type.Array(oneOf(Object.keys(instanceMoves) as InstanceMove[]), {
    description: 'What can be done with it now',
  }),
  migration: nullable(InstanceMigration),
  started_at: nullable(Time),
  deleted_at: nullable(Time),
  purge_at: nullable(Time),
  version: Type.Integer(),
  created_at: Time,
})
export type Instance = Static<typeof Instance>

/** After a change of it. */
const ChangedInstance = closed({ ...Instance.properties, warning: FromNextStart })

/** One that is asked for by its id: with what only those who may see hosts are told. */
export const OneInstance = closed({
  ...Instance.properties,
  on_host: OnHost,
})
export type OneInstance = Static<typeof OneInstance>

const params = closed({ instance: Uuid })
const acted = closed({ instance: Instance, operation: Operation })

function actRoute<const Verb extends string>(verb: Verb, summary: string, errors: readonly ErrorCode[] = []) {
  return route({
    name: `instance.${verb}`,
    method: 'POST',
    path: `/v1/instances/:instance/${verb}`,
    summary,
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params,
    body: closed({}),
    status: 202,
    reply: acted,
    errors: ['not_found', 'wrong_state', 'changed_meanwhile', ...errors],
  })
}

export const instanceRoutes = {
  list: route({
    name: 'instance.list',
    method: 'GET',
    path: '/v1/instances',
    summary: 'Instances',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    query: closed({
      ...pageQuery,
      name: Type.Optional(Name),
      state: Type.Optional(
        Type.Array(oneOf(instanceStates), {
          minItems: 1,
          maxItems: instanceStates.length,
          uniqueItems: true,
          description: 'In this state, or one of these',
        }),
      ),
      host_id: Type.Optional(Uuid),
      image_id: Type.Optional(Uuid),
      group_id: Type.Optional(Uuid),
      zone_id: Type.Optional(Uuid),
      availability: Type.Optional(oneOf(availabilities)),
      ha_obstacle: Type.Optional(
        Type.Boolean({
          description:
            'Only highly available ones that would not be started elsewhere if their host were lost, or are not although it is; false: only others',
        }),
      ),
      deleted: Type.Optional(Type.Boolean({ description: 'Those deleted that can still be recovered, instead' })),
    }),
    status: 200,
    reply: page(Instance),
    errors: [],
    cli: { columns: ['name', 'state', 'addresses', 'flavor', 'image', 'host', 'id'] },
  }),
  get: route({
    name: 'instance.get',
    method: 'GET',
    path: '/v1/instances/:instance',
    summary: 'One instance',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    params,
    status: 200,
    reply: OneInstance,
    errors: ['not_found'],
  }),
  create: route({
    name: 'instance.create',
    method: 'POST',
    path: '/v1/instances',
    summary: 'Make one instance, or up to a thousand alike',
    level: 'project',
    needs: 'instance.manage',
    body: InstanceCreate,
    status: 202,
    reply: closed({ items: Type.Array(Instance), operation: Operation }),
    errors: ['not_found', 'invalid', 'quota_exceeded', 'no_capacity', 'no_address', 'conflict', 'wrong_state'],
    cli: { positional: ['name'] },
  }),
  plan: route({
    name: 'instance.plan',
    method: 'POST',
    path: '/v1/instances/plan',
    summary: 'What would come of making these instances: where, why, what is left of the quota; nothing is changed',
    level: 'project',
    needs: 'instance.manage',
    only_looks: true,
    body: closed({ ...InstanceCreate.properties, name: Type.Optional(NewName) }),
    status: 200,
    reply: InstancePlan,
    errors: ['not_found'],
    cli: { hidden: true },
  }),
  update: route({
    name: 'instance.update',
    method: 'PATCH',
    path: '/v1/instances/:instance',
    summary:
      'Change name, tags, availability, with whom it is placed next, or, from its next start on, how its screen is reached and its watchdog',
    level: 'project',
    needs: 'instance.manage',
    on_instance: 'instance.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      tags: Type.Optional(Tags),
      graphics: Type.Optional(Graphics),
      clipboard: Type.Optional(Clipboard),
      video_model: Type.Optional(VideoModel),
      watchdog_action: Type.Optional(WatchdogActionOf),
      availability: Type.Optional(Availability),
      ha_priority: Type.Optional(HaPriority),
      on_crash: Type.Optional(OnCrash),
      different_from: DifferentFrom,
      same_as: SameAs,
    }),
    status: 200,
    reply: ChangedInstance,
    errors: ['not_found', 'changed_meanwhile', 'invalid', 'no_capacity'],
  }),
  start: actRoute('start', 'Start a stopped instance', ['no_capacity']),
  stop: actRoute('stop', 'Shut an instance down; cut it off when it does not follow'),
  reboot: route({
    name: 'instance.reboot',
    method: 'POST',
    path: '/v1/instances/:instance/reboot',
    summary: 'Reboot: softly by asking the guest, or hard by resetting it',
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params,
    body: closed({ hard: Type.Optional(Type.Boolean({ description: 'By resetting it; the guest is not asked' })) }),
    status: 202,
    reply: acted,
    errors: ['not_found', 'wrong_state', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'instance.delete',
    method: 'DELETE',
    path: '/v1/instances/:instance',
    summary: 'Delete an instance; until it is purged it can be recovered',
    level: 'project',
    needs: 'instance.manage',
    on_instance: 'instance.manage',
    params,
    query: closed({
      purge: Type.Optional(Type.Boolean({ description: 'At once and for good' })),
      keep_root: Type.Optional(
        Type.Boolean({ description: 'Its root disk stays when it is purged, as a volume to boot another from' }),
      ),
    }),
    status: 202,
    reply: acted,
    errors: ['not_found', 'wrong_state', 'changed_meanwhile'],
  }),
  recover: route({
    name: 'instance.recover',
    method: 'POST',
    path: '/v1/instances/:instance/recover',
    summary: 'Take a deletion back; the instance is stopped then',
    level: 'project',
    needs: 'instance.manage',
    on_instance: 'instance.manage',
    params,
    body: closed({}),
    status: 202,
    reply: acted,
    errors: ['not_found', 'wrong_state', 'conflict', 'quota_exceeded', 'no_capacity', 'changed_meanwhile'],
  }),
  resize: route({
    name: 'instance.resize',
    method: 'POST',
    path: '/v1/instances/:instance/resize',
    summary: 'Give an instance other vCPUs or memory where it is: more while it runs, as far as its flavor lets it',
    level: 'project',
    needs: 'instance.manage',
    params,
    body: closed({
      vcpus: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.vcpus_max })),
      memory_mib: Type.Optional(Type.Integer({ minimum: 16, maximum: limits.memory_mib_max })),
    }),
    status: 202,
    reply: acted,
    errors: ['not_found', 'invalid', 'wrong_state', 'quota_exceeded', 'no_capacity', 'changed_meanwhile'],
  }),
  resetPassword: route({
    name: 'instance.reset-password',
    method: 'POST',
    path: '/v1/instances/:instance/password',
    summary:
      'Set a password in the running guest, through its guest agent; without one, a new one is made and shown once',
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params,
    body: closed({
      user: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@ \\\\-]{0,63}$',
          title: 'An account: letters, digits and _.@-',
          default: 'root',
          description: 'Account in the guest',
        }),
      ),
      password: Type.Optional(
        Type.String({
          minLength: 8,
          maxLength: 128,
          pattern: '^[^\\u0000-\\u001f\\u007f]*$',
          description: 'At least 8 characters, in one line',
        }),
      ),
    }),
    status: 200,
    reply: closed({
      id: Uuid,
      user: Type.String(),
      password: nullable(Type.String({ description: 'The new one when it was made here; it is kept nowhere' })),
    }),
    errors: ['not_found', 'forbidden', 'wrong_state', 'invalid', 'host_unreachable', 'unavailable'],
    audited: ['user'],
    cli: { hidden: true },
  }),
  explain: route({
    name: 'instance.explain',
    method: 'GET',
    path: '/v1/instances/:instance/placement',
    summary: 'Why it runs where it does: what each host scored, or why it was refused',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    params,
    status: 200,
    reply: InstancePlacement,
    errors: ['not_found'],
  }),
  log: route({
    name: 'instance.log',
    method: 'GET',
    path: '/v1/instances/:instance/log',
    summary: 'What the guest wrote to its serial console',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    params,
    query: closed({
      tail_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 * 1024 * 1024, default: 65_536 })),
      follow: Type.Optional(Type.Boolean({ description: 'Go on as the guest writes' })),
    }),
    status: 200,
    stream: 'bytes',
    errors: ['not_found', 'host_unreachable', 'unavailable'],
    cli: { hidden: true },
  }),
  console: route({
    name: 'instance.console',
    method: 'POST',
    path: '/v1/instances/:instance/console',
    summary: 'A one-time ticket for a console, to be opened as a WebSocket within a minute',
    level: 'project',
    needs: 'instance.read',
    on_instance: 'instance.read',
    params,
    body: closed({
      kind: Type.Optional(
        oneOf(consoleKinds, {
          description:
            "serial: the bytes of its first serial port; graphical: RFB 3.8, as VNC's; spice: one connection of SPICE, the main " +
            'one first',
        }),
      ),
      viewer_id: Type.Optional(uuidOf('spice: console_id of the main connection, for each further one')),
      view_only: Type.Optional(
        Type.Boolean({ description: 'Look on, and type nothing. Without it: when you may not operate the instance' }),
      ),
      replay_bytes: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 256 * 1024,
          description: 'serial: how much of the last output comes first',
        }),
      ),
    }),
    status: 201,
    reply: ConsoleTicket,
    errors: ['not_found', 'invalid', 'forbidden', 'wrong_state', 'host_unreachable'],
    cli: { hidden: true },
  }),
}
