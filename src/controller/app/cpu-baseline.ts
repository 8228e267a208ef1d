/**
 * The CPU that instances of a cluster have: what libvirt reckons its hosts to have in common, so that guests can move between any two of
 * them. It stays when hosts join, whatever those have; an operator takes a new one. Hosts are not trusted: one that reckons says what is
 * taken only if others, asked what they lack of it, can carry it; and what a host lacks, it says for itself alone.
 */
import { Value } from 'typebox/value'
import type { Cluster, CpuPlan } from '../../api/cluster.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { CpuVerdict, HostCpu } from '../../protocol/host-cpu.ts'
import { CallFailed, type Cloud } from '../cloud.ts'
import { cpuKey } from '../scheduler/cpu-fit.ts'
import { cluster } from '../store/cluster.ts'
import { type CpuHost, cpuBaseline, type Unasked } from '../store/cpu-baseline.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

const timeout_ms = 15_000
/** Hosts that are asked to reckon, one after the other, until others agree. */
const reckoners_max = 3
/** Hosts that are asked whether they carry it; one of each kind. */
const asked_max = 32
/** A call goes through a notice of the database, which holds 8,000 bytes. */
const call_bytes_max = 7000

type Asks = Pick<Cloud, 'calls'>

export interface Reckoned {
  cpu: HostCpu
  /** Of those that were asked, by host. */
  verdicts: Map<string, CpuVerdict>
}

const fits = ({ verdicts }: Reckoned) => [...verdicts.values()].filter(one => one.fits).length

/** What these hosts have in common; the best that one of them reckons. Throws conflict, host_unreachable. */
export async function reckon({ calls }: Asks, hosts: readonly CpuHost[]): Promise<Reckoned> {
  const known = hosts.filter((one): one is CpuHost & { cpu: HostCpu } => Value.Check(HostCpu, one.cpu))
  const kinds = new Map(known.map(one => [JSON.stringify(one.cpu), one.cpu]))
  const linked = known.filter(one => one.linked)
  if (kinds.size === 0)
    throw new CloudError(
      'conflict',
      'No host of the cluster has said which CPUs its guests can have. Add hosts with KVM, or newer agents.',
    )
  if (linked.length === 0) throw new CloudError('host_unreachable', 'No host of the cluster answers that could reckon.')
  const judges = [...new Map(linked.map(one => [JSON.stringify(one.cpu), one])).values()].slice(0, asked_max)
  let best: Reckoned | undefined
  let failure: unknown
  for (const { id } of linked.slice(0, reckoners_max)) {
    try {
      const cpu = await commonTo({ calls }, id, [...kinds.values()])
      const verdicts = await Promise.all(
        judges.map(async one => [one.id, await compare({ calls }, one.id, cpu).catch(nothing)] as const),
      )
      const made = { cpu, verdicts: new Map(verdicts.flatMap(([host, one]) => (one ? [[host, one] as const] : []))) }
      if (!best || fits(made) > fits(best)) best = made
      if (fits(made) === made.verdicts.size) break
    } catch (error) {
      failure = error
    }
  }
  if (best) return best
  const words = failure instanceof Error ? failure.message : 'No host answers.'
  throw new CloudError(
    'conflict',
    `What the hosts have in common could not be reckoned: ${words}`,
    {},
    { cause: failure },
  )
}

function nothing(error: unknown): null {
  if (error instanceof CallFailed) return null
  throw error
}

/** Two by two: of all at once, a call would be too long. */
async function commonTo(parts: Asks, host_id: string, [first, ...others]: readonly HostCpu[]): Promise<HostCpu> {
  const ask = async (cpus: HostCpu[]) => {
    if (JSON.stringify(cpus).length > call_bytes_max) throw new Error('The CPUs have too many features to be compared.')
    const said = await parts.calls.ask(host_id, { method: 'cpu_baseline', cpus }, { timeout_ms })
    if (!Value.Check(HostCpu, said)) throw new Error('The host has named a CPU that cannot be.')
    const { model, vendor, require, disable } = said
    return { model, ...(vendor !== undefined && { vendor }), require, disable }
  }
  if (!first) throw new RangeError('there is no CPU to compare')
  let common = await ask([first])
  for (const one of others) common = await ask([common, one])
  return common
}

export async function compare({ calls }: Asks, host_id: string, cpu: HostCpu): Promise<CpuVerdict> {
  const said = await calls.ask(host_id, { method: 'cpu_compare', cpu }, { timeout_ms })
  if (!Value.Check(CpuVerdict, said)) throw new CallFailed('refused', 'The host has answered with what is no verdict.')
  return { fits: said.fits, missing: said.missing }
}

async function find(cloud: Cloud, id: string): Promise<Cluster> {
  const found = await cluster.find(cloud.database.db, id)
  if (!found) throw notFound('cluster', id)
  return found
}

/** Changes nothing. */
export async function planBaseline(cloud: Cloud, id: string): Promise<CpuPlan> {
  const { cpu_baseline: current } = await find(cloud, id)
  const hosts = await cpuBaseline.hostsOf(cloud.database.db, id)
  const { cpu, verdicts } = await reckon(cloud, hosts)
  const { count, examples } = await cpuBaseline.others(cloud.database.db, id, cpu)
  return {
    current,
    proposed: cpu,
    changed: current === null || !isSame(current, cpu),
    hosts: hosts.map(one => ({
      id: one.id,
      name: one.name,
      linked: one.linked,
      model: one.cpu?.model ?? null,
      fits: verdicts.get(one.id)?.fits ?? null,
      missing: verdicts.get(one.id)?.missing ?? [],
    })),
    instances: count,
    examples,
  }
}

function isSame(one: HostCpu, other: HostCpu): boolean {
  const key = ({ model, require, disable }: HostCpu) =>
    JSON.stringify([model, [...require].sort(), [...disable].sort()])
  return key(one) === key(other)
}

export async function setBaseline(cloud: Cloud, caller: Caller, id: string): Promise<Cluster> {
  await find(cloud, id)
  // Hosts are asked before the transaction: they may take their time.
  const { cpu } = await reckon(cloud, await cpuBaseline.hostsOf(cloud.database.db, id))
  return await take(cloud, caller, id, cpu)
}

export function clearBaseline(cloud: Cloud, caller: Caller, id: string): Promise<Cluster> {
  return take(cloud, caller, id, null)
}

function take(cloud: Cloud, caller: Caller, id: string, cpu: HostCpu | null): Promise<Cluster> {
  return change(cloud, caller, async tx => {
    await keep(tx, id, cpu, by(caller))
    const found = await cluster.find(tx, id)
    if (!found) throw notFound('cluster', id)
    return found
  })
}

/** Hosts are asked next whether they carry it. */
async function keep(tx: Tx, id: string, cpu: HostCpu | null, who: Partial<ReturnType<typeof by>>): Promise<void> {
  await cpuBaseline.set(tx, id, cpu)
  const detail = { cpu_baseline: cpu?.model ?? null }
  await event.record(tx, [{ noun: 'cluster', kind: 'changed', resource_id: id, project_id: null, ...who, detail }])
  await event.notify(tx, channels.work, 'cpu-baseline')
}

/** The first baseline of a cluster, as soon as it has two hosts: if all that are asked can carry it. */
export async function firstBaseline(cloud: Pick<Cloud, 'calls' | 'database'>, id: string): Promise<void> {
  const made = await reckon(cloud, await cpuBaseline.hostsOf(cloud.database.db, id))
  if (made.verdicts.size === 0 || fits(made) < made.verdicts.size) return
  await cloud.database.transaction(async tx => {
    // Another controller may have been first.
    if ((await cpuBaseline.due(tx, 1000)).includes(id)) await keep(tx, id, made.cpu, {})
  })
}

/** What a host says of itself and its cluster's baseline. */
export async function noteVerdict(cloud: Pick<Cloud, 'database'>, asked: Unasked, verdict: CpuVerdict): Promise<void> {
  await cloud.database.transaction(async tx => {
    if (!(await cpuBaseline.noteVerdict(tx, asked, cpuKey(asked.baseline), verdict))) return
    const detail = verdict.fits
      ? { cpu_baseline: 'carried' }
      : { cpu_baseline: 'not carried', missing: verdict.missing }
    await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: asked.id, project_id: null, detail }])
  })
}
