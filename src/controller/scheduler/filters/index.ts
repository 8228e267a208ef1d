/**
 * All filters, by the names that explanations use, in the order of their telling: what rules a host out altogether comes
 * before what is short. A new filter: a file here, a line here, and its words for many hosts (`filter.NAME`) in
 * src/ui/instance/create-text.ts.
 */
import type { Filter } from '../filter.ts'
import type { PlacementAsked } from '../snapshot.ts'
import { affinity } from './affinity.ts'
import { aggregateExclusive } from './aggregate-exclusive.ts'
import { aggregateProjects } from './aggregate-projects.ts'
import { aggregates } from './aggregates.ts'
import { answers } from './answers.ts'
import { antiAffinity } from './anti-affinity.ts'
import { architecture } from './architecture.ts'
import { askedHost } from './asked-host.ts'
import { busy } from './busy.ts'
import { cpuBaseline } from './cpu-baseline.ts'
import { cpuFeatures } from './cpu-features.ts'
import { cpuFlags } from './cpu-flags.ts'
import { cpuModel } from './cpu-model.ts'
import { differentHost } from './different-host.ts'
import { disk } from './disk.ts'
import { excluded } from './excluded.ts'
import { firmware } from './firmware.ts'
import { haReserve } from './ha-reserve.ts'
import { hugePages } from './huge-pages.ts'
import { numa } from './numa.ts'
import { ownHost } from './own-host.ts'
import { pci } from './pci.ts'
import { labels } from './labels.ts'
import { maintenance } from './maintenance.ts'
import { memory } from './memory.ts'
import { pool } from './pool.ts'
import { sameHost } from './same-host.ts'
import { schedulable } from './schedulable.ts'
import { sharedPool } from './shared-pool.ts'
import { vcpus } from './vcpus.ts'
import { virtualisation } from './virtualisation.ts'
import { volume } from './volume.ts'
import { zone } from './zone.ts'

export const filters: Readonly<Record<string, Filter>> = {
  asked_host: askedHost,
  volume,
  pool,
  shared_pool: sharedPool,
  zone,
  excluded,
  own_host: ownHost,
  same_host: sameHost,
  different_host: differentHost,
  affinity,
  anti_affinity: antiAffinity,
  answers,
  maintenance,
  schedulable,
  architecture,
  virtualisation,
  cpu_baseline: cpuBaseline,
  cpu_flags: cpuFlags,
  cpu_model: cpuModel,
  cpu_features: cpuFeatures,
  firmware,
  labels,
  aggregates,
  aggregate_projects: aggregateProjects,
  aggregate_exclusive: aggregateExclusive,
  vcpus,
  memory,
  disk,
  huge_pages: hugePages,
  pci,
  numa,
  ha_reserve: haReserve,
  busy,
}

/** With others beside them. What is only busy comes after all: of what it refuses, nothing else is in the way. */
export function filtersWith(others: Readonly<Record<string, Filter>> = {}): Record<string, Filter> {
  const { busy: _, ...first } = filters
  return { ...first, ...others, busy }
}

/** "too little memory is free": what a filter finds wrong, for who is not told of single hosts. */
export function inWords(filter: string): string {
  const [kind, name] = filter.split(':', 2)
  return filters[filter]?.fault ?? (kind === 'module' ? `refused by the module ${name}` : filter)
}

const room = 'choose a smaller flavor, free some room, or add a host'
const room_elsewhere = 'free some room in its zone, or add a host there'

/** They are left out on purpose, and so no reason to do anything. */
const passed_over: ReadonlySet<string> = new Set(['own_host', 'excluded'])

/**
 * What to do, as a sentence: of the reasons that come first, two at most. Without any there is no host. `elsewhere`: for what there is
 * already and is to go to another host.
 */
export function whatHelps(reasons: readonly string[], elsewhere = false, asked?: PlacementAsked): string {
  const first = reasons.filter(filter => !passed_over.has(filter))
  const staying = elsewhere && asked ? first.filter(filter => filters[filter]?.stays?.(asked)) : []
  const telling = staying.length > 0 ? staying : first
  // It stays in its zone: hosts of others are a reason only where there is no other one.
  const near = telling.filter(filter => filter !== 'zone')
  const remedies = new Set(
    (elsewhere && near.length > 0 ? near : telling).map(filter => remedyOf(filter, elsewhere, asked)),
  )
  if (remedies.size === 0) remedies.add(elsewhere ? 'add a host to its zone' : room)
  const text = [...remedies].slice(0, 2).join('; or ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function remedyOf(filter: string, elsewhere: boolean, asked?: PlacementAsked): string {
  const { remedy, remedy_elsewhere } = filters[filter] ?? {}
  if (!elsewhere) return remedy ?? room
  return (
    (typeof remedy_elsewhere === 'function' ? remedy_elsewhere(asked) : remedy_elsewhere) ?? remedy ?? room_elsewhere
  )
}
