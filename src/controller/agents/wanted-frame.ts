/** From what a host was told to what it must be told now. */
import type { AgentFrame, ControllerFrame } from '../../protocol/messages.ts'
import type { WantedInstance, WantedNetwork } from '../../protocol/wanted.ts'
import { instancePorts } from '../store/instance-ports.ts'
import { atOnce, type Db } from '../store/database.ts'
import { gatewayHost } from '../store/gateway-host.ts'
import { held } from '../store/held.ts'
import { type MigrationPart, migrationParts } from '../store/migration-parts.ts'
import { type FoundInstance, type Version, wanted } from '../store/wanted.ts'
import type { WantedHostRules } from './session.ts'

/** What was sent on this link so far, by version. */
export interface Told {
  instances: ReadonlyMap<string, string>
  /** Those of them that are placed there, and not only on their way to it or from it. */
  own: ReadonlySet<string>
  networks: ReadonlyMap<string, string>
  removed_volumes: ReadonlySet<string>
  host: string
}

export interface FrameRules {
  readonly host: WantedHostRules
  /** Before the others are asked about hosts. */
  learn(db: Db, host_ids: readonly string[]): Promise<void>
  /** How often a host measures, seconds; 0 for never. */
  metricsInterval(host_id: string): number
  /** How long guests of a project may take to shut down, seconds. */
  stopTimeout(project_id: string): number
  reservedMemory(host_id: string): number
}

type HostRules = WantedHostRules & { metrics_interval_s: number; packed_samples: true }

/** A host, and what it was told on its link; without `told` it is told all there is. */
export interface FrameAsked {
  host_id: string
  /** Of the link on which it is told. */
  epoch: number
  told: Told | undefined
  /** What it says that it holds, as `heldVersion` has it, and is known to hold rightly: it is not told that again. */
  holds?: ReadonlyMap<string, string> | undefined
}

/** An agent takes nothing from an instance of which it holds just this: src/agent/wanted-set.ts. */
function heldVersion(one: { generation: number; details_version: number; placement: number }): string {
  return `${one.generation}.${one.details_version}.${one.placement}`
}

function asNamed({ id, generation, details_version, placement }: Version) {
  return { id, generation, details_version, placement }
}

/** By versions, what the host holds that has no part in a move; none from an agent that is to be told all. */
export function heldOf({
  holds,
  knows_unchanged = false,
}: Extract<AgentFrame, { type: 'hello' }>): ReadonlyMap<string, string> | undefined {
  if (!knows_unchanged) return undefined
  return new Map(
    holds.flatMap(({ placement, migration, ...one }): [string, string][] =>
      placement === undefined || migration ? [] : [[one.id, heldVersion({ ...one, placement })]],
    ),
  )
}

/** The frame that brings the host up to date, or none when it is; 'foreign': the link is the host's no longer. */
export interface FrameMade {
  frame: ControllerFrame | 'foreign' | null
  told: Told
}

const none = Promise.resolve<ReadonlySet<string>>(new Set())

/** For any number of hosts at once, in a fixed number of queries. */
export async function wantedFrames(db: Db, asked: readonly FrameAsked[], rules: FrameRules): Promise<FrameMade[]> {
  const host_ids = asked.map(one => one.host_id)
  const [all_parts, all_versions, gateways] = await atOnce(
    db,
    // First: what is read after it is newer, so that no host is told that an instance is its own which has left it.
    here => migrationParts.partsOf(here, host_ids),
    here => wanted.versions(here, host_ids),
    here => (rules.host.external_gateway === null ? none : gatewayHost.among(here, host_ids)),
  )
  const parts = Map.groupBy(all_parts, one => one.host_id)
  const versions = Map.groupBy(all_versions, one => one.host_id)
  await rules.learn(db, host_ids)
  const compared = asked.map(one => {
    const metrics_interval_s = rules.metricsInterval(one.host_id)
    const external_gateway = gateways.has(one.host_id) ? rules.host.external_gateway : null
    const here: HostRules = { ...rules.host, external_gateway, metrics_interval_s, packed_samples: true }
    const own = { versions: versions.get(one.host_id) ?? [], parts: parts.get(one.host_id) ?? [] }
    return compare(one, own, here, rules)
  })
  // What is counted is told to who has the link: whoever is written off must not have heard of more than was counted then.
  for (const one of compared) if (one.is_foreign) one.made.frame = 'foreign'
  const news = compared.filter(one => one.is_news && !one.is_foreign)
  if (news.length === 0) return compared.map(({ made }) => made)
  const ids = news.flatMap(one => one.changed)
  // What an operator has given up of what no row is there for; told once per link.
  const first = news.flatMap(one => (one.before ? [] : [one.host_id]))
  const [found, to_purge, networks] = await atOnce(
    db,
    here => wanted.instances(here, ids, rules),
    async here => (first.length > 0 ? await held.toPurge(here, first) : []),
    here =>
      instancePorts.wantedNetworks(
        here,
        news.map(one => one.host_id),
      ),
  )
  const instances = new Map(found.map(one => [one.instance.id, one]))
  const purges = Map.groupBy(to_purge, one => one.host_id)
  for (const one of news) {
    fill(
      one,
      [
        ...one.changed.flatMap(id => toldOf(one, id, instances.get(id)) ?? []),
        ...(purges.get(one.host_id) ?? []).map(found => found.instance),
      ],
      networks.flatMap(({ hosts, network }) => (hosts.includes(one.host_id) ? [network] : [])),
    )
  }
  return compared.map(({ made }) => made)
}

/** What a host is told of an instance: its own, or one that it has a part in moving. */
function toldOf({ host_id, parts }: Compared, id: string, found: FoundInstance | undefined): WantedInstance | null {
  const part = parts.get(id)
  if (!part) return found?.host_id === host_id ? found.instance : null
  const base = part.told ?? (found && elsewhere(found, host_id))
  return base ? { ...base, migration: part.migration } : null
}

function elsewhere({ instance: { hardware: _, ...rest }, onHost }: FoundInstance, host_id: string): WantedInstance {
  return { ...rest, ...onHost(host_id) }
}

interface Compared {
  host_id: string
  parts: ReadonlyMap<string, MigrationPart>
  before: Told | undefined
  changed: string[]
  unchanged: Version[]
  is_news: boolean
  is_foreign: boolean
  as_of: number
  made: FrameMade
  host_rules: HostRules
}

/** What of the host's versions differs from what it was told. */
function compare(
  { host_id, epoch, told, holds }: FrameAsked,
  { versions, parts }: { versions: readonly Version[]; parts: readonly MigrationPart[] },
  host_rules: HostRules,
  rules: FrameRules,
): Compared {
  const host_version = versions.find(one => one.of === 'host')
  const removed_volumes = new Set(versions.filter(one => one.of === 'volume').map(one => one.id))
  const instances = new Map(
    versions
      .filter(one => one.of === 'instance' && !one.held_back)
      .map(one => [one.id, `${heldVersion(one)}.${rules.stopTimeout(one.project_id)}`]),
  )
  const own = new Set(versions.flatMap(one => (one.of === 'instance' ? one.id : [])))
  for (const one of parts) if (!one.held_back) instances.set(one.instance_id, one.version)
  // Of those it is told nothing new, not even that it may forget them.
  const held_back = [
    ...versions.filter(one => one.held_back).map(one => one.id),
    ...parts.filter(one => one.held_back).map(one => one.instance_id),
  ]
  for (const id of held_back) {
    const before = told?.instances.get(id)
    if (before === undefined) instances.delete(id)
    else instances.set(id, before)
  }
  const moving = new Set(parts.map(one => one.instance_id))
  const isUnchanged = (one: Version) =>
    one.of === 'instance' && !one.held_back && !moving.has(one.id) && holds?.get(one.id) === heldVersion(one)
  const unchanged = holds ? versions.filter(isUnchanged) : []
  const as_held = new Set(unchanged.map(one => one.id))
  const changed = [...instances.keys()].filter(id => !as_held.has(id) && told?.instances.get(id) !== instances.get(id))
  const forgotten = told ? [...told.instances.keys()].some(id => !instances.has(id)) : false
  const host = JSON.stringify(host_rules)
  const to_remove = removed_volumes.difference(told?.removed_volumes ?? new Set()).size > 0
  const is_news = !told || changed.length > 0 || forgotten || to_remove || host !== told.host
  const now = { instances, own, networks: told?.networks ?? new Map<string, string>(), removed_volumes, host }
  return {
    host_id,
    parts: new Map(parts.map(one => [one.instance_id, one])),
    before: told,
    changed,
    unchanged,
    is_news,
    host_rules,
    is_foreign: host_version?.epoch !== epoch,
    as_of: host_version?.generation ?? 0,
    made: { frame: null, told: told && !is_news ? { ...told, own } : now },
  }
}

function fill(one: Compared, instances: WantedInstance[], here: readonly WantedNetwork[]): void {
  const { before, made } = one
  const networks = new Map(here.map(network => [network.network_id, versionOf(network)]))
  made.frame = {
    type: 'wanted',
    whole: !before,
    as_of: one.as_of,
    ...(made.told.host !== before?.host && { host: { version: 1, ...one.host_rules } }),
    instances,
    ...(one.unchanged.length > 0 && { unchanged: one.unchanged.map(asNamed) }),
    networks: here.filter(network => before?.networks.get(network.network_id) !== versionOf(network)),
    forget_instances: [...(before?.instances.keys() ?? [])].filter(id => !made.told.instances.has(id)),
    forget_networks: [...(before?.networks.keys() ?? [])].filter(id => !networks.has(id)),
    remove_volumes: [...made.told.removed_volumes].filter(id => !before?.removed_volumes.has(id)),
  }
  made.told = { ...made.told, networks }
}

function versionOf(network: WantedNetwork): string {
  return JSON.stringify(network)
}
