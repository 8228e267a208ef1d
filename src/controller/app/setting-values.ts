/**
 * Settings: typed, with a default each, changed at run time and followed by every controller (settings-in-force.ts). A name that is not here
 * is not a setting.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { CloudError } from '../../model/errors.ts'
import type { Weight } from '../scheduler/weight.ts'
import { weights } from '../scheduler/weights/index.ts'
import type { SettingPlaceKind } from '../../model/setting.ts'

/** `scopes`: the parts of the cloud for which it may have a value of their own. */
function setting<T extends TSchema>(
  schema: T,
  fallback: Static<T>,
  summary: string,
  scopes: readonly SettingPlaceKind[] = [],
) {
  return { schema, fallback, summary, scopes }
}

/** A factor below zero likes the opposite; zero leaves the weight out. */
function weight({ factor }: Weight, what: string) {
  return setting(
    Type.Number({ minimum: -1000, maximum: 1000 }),
    factor,
    `How much ${what} counts when hosts are compared; see docs/placement.md`,
  )
}

export const settingTable = {
  'instance.recovery_minutes': setting(
    Type.Integer({ minimum: 0, maximum: 525_600 }),
    1440,
    'How long a deleted instance can be recovered before it is purged, minutes',
    ['project'],
  ),
  'instance.stop_timeout_s': setting(
    Type.Integer({ minimum: 1, maximum: 3600 }),
    60,
    'How long a guest may take to shut down before it is cut off, seconds',
    ['project'],
  ),
  'instance.cpu_model': setting(
    Type.String({
      pattern: '^[A-Za-z0-9._+\\-]{1,64}$',
      title: 'Letters, digits and ._+-, at most 64 of them',
    }),
    'default',
    "CPU model of new instances: 'host-model', 'host-passthrough', a model's name, or 'default' for the host's choice",
    ['project'],
  ),
  'sign_in.attempts_max': setting(
    Type.Integer({ minimum: 1, maximum: 100 }),
    5,
    'Failed sign-ins before an account is locked for a while',
  ),
  'sign_in.lock_minutes': setting(
    Type.Integer({ minimum: 1, maximum: 1440 }),
    15,
    'How long an account stays locked, minutes',
  ),
  'api.requests_per_s': setting(
    Type.Integer({ minimum: 10, maximum: 1_000_000 }),
    200,
    'Requests a second that one caller may send on average, twice as many at once; an address ten times that',
  ),
  'host.joins_per_s': setting(
    Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    5,
    'Times a second that one address may ask to join or to leave on average, forty times as many at once',
  ),
  'token.lifetime_minutes': setting(
    Type.Integer({ minimum: 1, maximum: 43_200 }),
    720,
    'How long a token from a sign-in is good for, minutes',
  ),
  'image.download_private_addresses': setting(
    Type.Boolean(),
    false,
    'Whether images may be fetched from private and loopback addresses',
  ),
  'image.bytes_max': setting(Type.Integer({ minimum: 1 }), 100 * 1024 ** 3, 'Largest image that is taken, bytes'),
  'image.require_signature': setting(
    Type.Boolean(),
    false,
    'Whether new images must bear a signature by one of the image keys',
    ['project'],
  ),
  'event.keep_days': setting(Type.Integer({ minimum: 1, maximum: 3650 }), 30, 'How long events are kept, days'),
  'operation.keep_days': setting(
    Type.Integer({ minimum: 1, maximum: 3650 }),
    90,
    'How long operations are kept after they have ended, days',
  ),
  'migration.keep_days': setting(
    Type.Integer({ minimum: 1, maximum: 3650 }),
    90,
    'How long migrations are kept after they have ended, days; the last one of an instance for as long as that is there',
  ),
  'host.reserved_memory_mib': setting(
    Type.Integer({ minimum: 0 }),
    1024,
    'Memory of each host that is never given to instances, MiB',
    ['zone', 'cluster'],
  ),
  'host.self_registration': setting(
    Type.Boolean(),
    false,
    'Whether machines may ask to be hosts without a token, and wait for an operator to approve them',
  ),
  'migration.bandwidth_mib_s': setting(
    Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    0,
    'The most that one migration sends, MiB/s; 0 for no limit',
    ['zone', 'cluster', 'host'],
  ),
  'migration.downtime_ms_max': setting(
    Type.Integer({ minimum: 1, maximum: 60_000 }),
    // What QEMU aims at alone; stopping, handing over and going on come on top of it (docs/bench.md, migrate.downtime).
    100,
    'The longest pause of a guest that a live migration aims at, milliseconds',
    ['zone', 'cluster'],
  ),
  'migration.auto_converge': setting(
    Type.Boolean(),
    true,
    'Whether a guest is slowed down that changes its memory faster than it can be sent',
    ['zone', 'cluster'],
  ),
  'migration.postcopy_after_s': setting(
    Type.Integer({ minimum: 0, maximum: 86_400 }),
    0,
    'After how long a live migration goes over to postcopy, seconds; 0 for never',
    ['zone', 'cluster'],
  ),
  'migration.timeout_s': setting(
    Type.Integer({ minimum: 0, maximum: 604_800 }),
    3600,
    'After how long a migration is given up that has not come to its end, seconds; 0 for never',
    ['zone', 'cluster'],
  ),
  'migration.ready_s': setting(
    Type.Integer({ minimum: 10, maximum: 86_400 }),
    600,
    'How long the new host of an instance may take to get ready for it, seconds',
  ),
  'migration.parallel_per_host': setting(
    Type.Integer({ minimum: 1, maximum: 100 }),
    2,
    'How many migrations from or to one host run at once when hosts are emptied',
    ['zone', 'cluster', 'host'],
  ),
  'migration.parallel_per_cluster': setting(
    Type.Integer({ minimum: 1, maximum: 10_000 }),
    20,
    'How many migrations from hosts of one cluster run at once when hosts are emptied',
    ['zone', 'cluster'],
  ),
  'ha.storm_share_percent': setting(
    Type.Integer({ minimum: 1, maximum: 100 }),
    40,
    'When more than this share of a zone’s hosts vanishes at once, nothing is fenced nor restarted there, per cent',
    ['zone'],
  ),
  'ha.storm_hosts_min': setting(
    Type.Integer({ minimum: 1, maximum: 10_000 }),
    2,
    'So many hosts of a zone must have vanished at once, at least, for nothing to be fenced nor restarted there',
    ['zone'],
  ),
  'ha.settle_s': setting(
    Type.Integer({ minimum: 0, maximum: 3600 }),
    45,
    'For so long after a time without controllers or without the database, and after most of a zone’s hosts were gone at once, no host is fenced: agents dial in again first, seconds',
  ),
  'ha.verify_s': setting(
    Type.Integer({ minimum: 10, maximum: 3600 }),
    120,
    'By when an instance that is restarted elsewhere must be seen to run, seconds',
  ),
  'metrics.interval_s': setting(
    Type.Unsafe<number>({ type: 'integer', enum: [0, 5, 10, 15, 20, 30, 60] }),
    10,
    'How often hosts measure themselves and their instances, seconds; 0 for never',
    ['zone', 'cluster', 'host'],
  ),
  'scheduler.modules': setting(
    Type.Array(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._\\-]{0,99}\\.(js|mjs|ts)$',
        title: 'A file name without a folder, such as own.js, own.mjs or own.ts',
      }),
      { maxItems: 8, uniqueItems: true },
    ),
    [] as string[],
    "The operator's own filters and weights: files in the folder 'scheduler' of every controller (only the one that is asked looks for them when they are set); see docs/placement.md",
  ),
  'scheduler.module_timeout_ms': setting(
    Type.Integer({ minimum: 1, maximum: 10_000 }),
    200,
    'How long one of these modules may take for one placement, milliseconds',
  ),
  'scheduler.module_failure': setting(
    Type.Unsafe<'skip' | 'refuse'>({ type: 'string', enum: ['skip', 'refuse'] }),
    'skip',
    'What becomes of a placement when one of these modules fails: skip goes on without it, refuse does not',
  ),
  'scheduler.weight.free_memory': weight(weights.free_memory, 'free memory, as a share of all'),
  'scheduler.weight.free_vcpus': weight(weights.free_vcpus, 'free vCPUs, as a share of all'),
  'scheduler.weight.free_disk': weight(weights.free_disk, 'free disk, as a share of all'),
  'scheduler.weight.own_cluster': weight(weights.own_cluster, 'being of its own cluster, for who is placed anew,'),
  'scheduler.weight.soft_affinity': weight(weights.soft_affinity, 'members of a group that would rather be together'),
  'scheduler.weight.soft_anti_affinity': weight(
    weights.soft_anti_affinity,
    'no members of a group that would rather be apart',
  ),
  'scheduler.weight.image_cached': weight(weights.image_cached, 'having the image already'),
} as const

export type SettingName = keyof typeof settingTable
export type SettingValue<N extends SettingName> = Static<(typeof settingTable)[N]['schema']>

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingTable, name)
}

/** Refuses, saying what the setting takes. */
export function checkSetting(name: SettingName, value: unknown): void {
  if (Value.Check(settingTable[name].schema, value)) return
  const [problem] = Value.Errors(settingTable[name].schema, value)
  const is_no_list =
    !Array.isArray(value) && 'type' in settingTable[name].schema && settingTable[name].schema.type === 'array'
  const wrong = is_no_list ? `it takes a list, such as ${JSON.stringify([value])}` : (problem?.message ?? 'wrong type')
  throw new CloudError('invalid', `The setting ${name} does not take this value: ${wrong}.`, {
    name,
    expected: settingTable[name].schema,
  })
}
