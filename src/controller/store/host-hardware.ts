/**
 * What hosts have of hardware, as fitting wants it (scheduler/hardware-fit.ts), and what of it is taken. The part that is from a host's
 * facts is kept beside them, small, and written only when it has changed. Hosts are not trusted: facts are bounded by the protocol.
 */
import { type RawBuilder, sql } from 'kysely'
import { type AssignedHardware, isGivenAs, matchesAlias, type PciAlias } from '../../model/hardware.ts'
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { Capable, HostHardware, HostNode, Taken } from '../scheduler/hardware-fit.ts'
import { type Db, json, type Tx } from './database.ts'

interface Device {
  address: string
  vendor: string
  device: string
  class: string
  node: number | null
  group: string
  /** Of a card that is shared out (SR-IOV). Absent: not one, or kept by a controller of before. */
  virtual_function?: true
}

/** From the facts alone. */
interface Parts {
  nodes: HostNode[]
  cores: number[][]
  devices: Device[]
  /** Absent or null, as `features`: it has not told, and what it told before is kept. */
  cpu_models?: string[] | null
  features?: string[]
  /** What an agent of another version told is nothing to go by: the one of now may not know of it. */
  agent_version: string
}

/** A host without NUMA, or one that does not tell, is one node. */
export function partsOf(facts: HostFacts): Parts {
  const known = facts.numa.filter(one => one.cpus.length > 0 || one.memory_mib > 0)
  const alone = {
    node: 0,
    cpus: Array.from({ length: facts.cpus }, (_, n) => n),
    memory_mib: facts.memory_mib,
    huge_pages: facts.huge_pages,
  }
  const nodes = (known.length > 0 ? known : [alone]).map((one): HostNode => {
    const told = one.huge_pages ?? (known.length === 1 ? facts.huge_pages : [])
    const pages = told.filter(each => each.total > 0)
    const huge_kib = pages.reduce((sum, each) => sum + each.size_kib * each.total, 0)
    return {
      node: one.node,
      cpus: one.cpus,
      memory_mib: Math.max(0, one.memory_mib - Math.ceil(huge_kib / 1024)),
      pages,
    }
  })
  const all = nodes.flatMap(one => one.cpus)
  const siblings = facts.thread_siblings ?? []
  const told = new Set(siblings.flat())
  const cores = [...siblings, ...all.filter(cpu => !told.has(cpu)).map(cpu => [cpu])]
  return {
    nodes,
    cores,
    devices: devicesOf(facts),
    ...(facts.cpu_models && { cpu_models: facts.cpu_models }),
    ...(facts.machine_features && { features: facts.machine_features }),
    agent_version: facts.agent_version,
  }
}

/** Those that can be given away: kept apart by an IOMMU, and neither they nor others of their group are the host's own. */
function devicesOf({ pci }: HostFacts): Device[] {
  const own = new Set(pci.flatMap(one => (one.used_by && one.iommu_group ? one.iommu_group : [])))
  return pci.flatMap(({ address, vendor, device, class: kind, iommu_group, numa_node, physical_function, used_by }) => {
    if (!iommu_group || used_by || own.has(iommu_group)) return []
    const function_of = physical_function === undefined ? {} : { virtual_function: true as const }
    return [{ address, vendor, device, class: kind, node: numa_node ?? null, group: iommu_group, ...function_of }]
  })
}

/** Memory that is set aside as huge pages; no more than there is, whatever the host says. */
export function hugeMibOf(facts: HostFacts): number {
  const set_aside = Math.ceil(facts.huge_pages.reduce((sum, one) => sum + one.size_kib * one.total, 0) / 1024)
  return Math.min(facts.memory_mib, set_aside)
}

/** An agent that has just begun may not have its hypervisor's answers yet: what is absent stays as the same agent told it before. */
async function note(tx: Tx, hosts: readonly { host_id: string; facts: HostFacts }[]): Promise<void> {
  const rows = json(hosts.map(({ host_id, facts }) => ({ host_id, parts: partsOf(facts) })))
  const parts = sql`case when h.parts->'agent_version' = excluded.parts->'agent_version' then h.parts || excluded.parts else excluded.parts end`
  await sql`insert into host_hardware as h (host_id, parts)
    select r.* from jsonb_to_recordset(${rows}) as r (host_id uuid, parts jsonb) order by r.host_id
    on conflict (host_id) do update set parts = ${parts} where h.parts is distinct from ${parts}`.execute(tx)
}

export type KnownHardware = HostHardware & Capable

/** Of these hosts, or of all that take instances; those that never told are left out. */
function read(db: Db, host_ids: readonly string[] | null): Promise<Map<string, KnownHardware>> {
  return readWhere(db, host_ids ? sql`h.id = any(${[...host_ids]}::uuid[])` : takesInstances)
}

const takesInstances = sql`h.removed_at is null and h.schedulable and h.session_controller_id is not null`

/** Of those of these clusters that take instances. */
function ofClusters(db: Db, cluster_ids: readonly string[]): Promise<Map<string, KnownHardware>> {
  return readWhere(db, sql`${takesInstances} and h.cluster_id = any(${[...cluster_ids]}::uuid[])`)
}

/** Of those of the host's own cluster that take instances, where that keeps a reserve: what is kept elsewhere is nothing to it. */
function besides(db: Db, host_id: string): Promise<Map<string, KnownHardware>> {
  const cluster = sql`(select c.id from host o join cluster c on c.id = o.cluster_id where o.id = ${host_id}::uuid and c.ha_failures_tolerated > 0)`
  return readWhere(db, sql`${takesInstances} and h.cluster_id = ${cluster}`)
}

async function readWhere(db: Db, these: RawBuilder<unknown>): Promise<Map<string, KnownHardware>> {
  const { rows } = await sql<{ host_id: string; parts: Parts; assigned: AssignedHardware[] }>`
    select w.host_id, w.parts, coalesce((select json_agg(c.assigned) from hardware_claim c where c.host_id = h.id), '[]') as assigned
    from host h join host_hardware w on w.host_id = h.id where ${these} order by h.id`.execute(db)
  if (rows.length === 0) return new Map()
  const aliases = await db.selectFrom('pci_alias').select(['name', 'vendor', 'device', 'class', 'is_nic']).execute()
  return new Map(rows.map(row => [row.host_id, knownOf(row.parts, row.assigned, aliases)]))
}

/** Of how many hosts it is known which CPU models guests can have there, and whether one of them has this one. */
async function offers(db: Db, cpu_model: string): Promise<{ told: number; offered: boolean }> {
  const { rows } = await sql<{ told: number; offered: boolean }>`
    select count(*)::int as told, coalesce(bool_or(w.parts->'cpu_models' ? ${cpu_model}), false) as offered
    from host h join host_hardware w on w.host_id = h.id
    where h.removed_at is null and jsonb_typeof(w.parts->'cpu_models') = 'array'`.execute(db)
  return rows[0] ?? { told: 0, offered: false }
}

function knownOf(parts: Parts, assigned: readonly AssignedHardware[], aliases: readonly PciAlias[]): KnownHardware {
  const whole_cards = new Set<string>()
  const devices = parts.devices.flatMap(one => {
    const matching = aliases.filter(alias => matchesAlias(alias, one))
    const names = matching.filter(alias => isGivenAs(alias, one)).map(alias => alias.name)
    for (const alias of matching) if (!names.includes(alias.name)) whole_cards.add(alias.name)
    return names.length > 0 ? [{ address: one.address, node: one.node, group: one.group, aliases: names }] : []
  })
  // Where it has virtual functions, too, the others are not what is missing.
  for (const name of devices.flatMap(one => one.aliases)) whole_cards.delete(name)
  // Not all as arguments of one call: there may be more than those can be.
  const lowest = parts.nodes.flatMap(one => one.cpus).reduce((least, cpu) => Math.min(least, cpu), Infinity)
  const kept_cpus = parts.cores.find(core => core.includes(lowest)) ?? [lowest]
  return {
    nodes: parts.nodes,
    cores: parts.cores,
    kept_cpus,
    devices,
    ...(whole_cards.size > 0 && { whole_cards: [...whole_cards] }),
    taken: takenOf(assigned),
    cpu_models: parts.cpu_models ?? null,
    features: parts.features ?? null,
  }
}

function takenOf(assigned: readonly AssignedHardware[]): Taken {
  return {
    cpus: assigned.flatMap(one => [...one.cells.flatMap(cell => cell.cpus), ...one.idle_cpus]),
    cells: assigned.flatMap(({ cells, page_size_kib }) =>
      cells.map(({ host_node, memory_mib }) => ({ node: host_node, page_size_kib, memory_mib })),
    ),
    devices: assigned.flatMap(one => one.pci.map(each => each.address)),
  }
}

export const hostHardware = { note, offers, read, ofClusters, besides }
