/**
 * What of a cluster's reserve an instance takes that stays where it is: one that is started, grown, recovered or made highly available. Not its job:
 * what is placed (scheduler/filters/ha-reserve.ts), and how much is kept (ha-reserve.ts).
 */
import { CloudError } from '../../model/errors.ts'
import { type ReserveHost, roomBeforeReserve } from '../../model/ha-reserve.ts'
import { type AssignedHardware, claimsHardware, type Hardware } from '../../model/hardware.ts'
import { lackingOf, nothing, plus, type ReserveSize, sizeElsewhere, sizeOn } from '../../model/reserve-size.ts'
import type { Cloud } from '../cloud.ts'
import { fitBeside, type HostHardware, withTaken } from '../scheduler/hardware-fit.ts'
import { cpusOf } from '../scheduler/snapshot.ts'
import type { Tx } from '../store/database.ts'
import { haReserve } from '../store/ha-reserve.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { hostHardware } from '../store/host-hardware.ts'
import { reserveHosts } from './ha-reserve.ts'

interface Size {
  vcpus: number
  memory_mib: number
}

type Counted = Size & { availability: string; wanted_power: string; deleted_at: Date | null; compute_claimed: boolean }

/** What of an instance comes to count on its host. */
export interface ReserveChange {
  id: string
  host_id: string
  name: string
  hardware: Hardware | null
  before: Counted
  after: Counted
}

/** Whether it is to be started elsewhere when its host is lost, and so counts in what is kept free. */
export function needsReserve(row: Pick<Counted, 'availability' | 'wanted_power' | 'deleted_at'>): boolean {
  return row.availability === 'high' && row.wanted_power === 'running' && row.deleted_at === null
}

const promisedOf = (one: Counted): Size => (one.compute_claimed ? one : nothing)
const restartedOf = (one: Counted): Size => (needsReserve(one) ? one : nothing)

/** The change by which an instance, where it is, becomes `next`; null when nothing of the reserve is touched. */
export function reserveChange(
  row: Counted & { id: string; host_id: string; name: string; hardware: unknown },
  next: Partial<Counted>,
): ReserveChange | null {
  const { id, host_id, name } = row
  const after = { ...row, ...next }
  const grows = [promisedOf, restartedOf].some(
    of => of(after).vcpus > of(row).vcpus || of(after).memory_mib > of(row).memory_mib,
  )
  return grows ? { id, host_id, name, hardware: row.hardware as Hardware | null, before: row, after } : null
}

/**
 * The rule by which instances are made for those that stay where they are: throws no_capacity when, after these changes, less would be left in a
 * cluster than is kept free for lost hosts. Locks those of their clusters that keep a reserve: after instances and their groups, before quota and
 * hosts' claims.
 */
export async function mustKeepReserve(cloud: Cloud, tx: Tx, changes: readonly ReserveChange[]): Promise<void> {
  if (changes.length === 0 || (await haReserve.tolerated(tx)).size === 0) return
  const byHost = Map.groupBy(changes, one => one.host_id)
  const concerned = (await cloud.hosts.view(tx)).flatMap(host => (byHost.has(host.id) ? host.cluster_id : []))
  const tolerated = await haReserve.hold(tx, [...new Set(concerned)], { wait: true })
  if (tolerated.size === 0) return
  const demand = await haReserve.demand(tx, [...tolerated.keys()])
  const hardware = changes.some(claims) ? await hostHardware.ofClusters(tx, [...tolerated.keys()]) : undefined
  const assigned = hardware ? await assignedOf(tx, changes, hardware) : new Map<string, AssignedHardware>()
  // What others had promised before they let go of it.
  const view = await cloud.hosts.view(tx, { with_promised: true })
  const clusters = Map.groupBy(view, host => host.cluster_id)
  const snapshots = new Map(view.flatMap(host => (byHost.has(host.id) ? [[host.id, host] as const] : [])))
  for (const [id, { failures, cpu_overcommit }] of tolerated) {
    const hosts = reserveHosts(clusters.get(id) ?? [], demand.get(id), hardware)
    const [first] = hosts.flatMap(host => byHost.get(host.id) ?? [])
    if (!first) continue
    const sizes: Sizes = {
      elsewhere: ({ id }, size) => sizeElsewhere(size, assigned.get(id) ?? null, cpu_overcommit),
      there({ id, host_id }, size) {
        const [own, host] = [assigned.get(id), snapshots.get(host_id)]
        return own && host ? sizeOn(cpusOf(host), size, own) : { vcpus: size.vcpus, memory_mib: size.memory_mib }
      },
    }
    const now = roomBeforeReserve(hosts, failures)
    const then = roomBeforeReserve(
      hosts.map(host => changedBy(host, byHost.get(host.id) ?? [], sizes)),
      failures,
    )
    // What is lacking already may stay so; it is not to become more.
    const taken = plus(now, then, -1)
    const short = lackingOf(now, taken)
    if (short.length === 0) continue
    throw new CloudError(
      'no_capacity',
      `What is free in the cluster of ${first.name} is kept for instances of hosts that may be lost, and this would take ${short.join(' and ')} of it. Stop something highly available, add a host, or have the cluster keep less (croft cluster update --ha-failures-tolerated).`,
      { lacking_vcpus: Math.max(0, -then.vcpus), lacking_memory_mib: Math.max(0, -then.memory_mib) },
    )
  }
}

function claims({ hardware }: ReserveChange): boolean {
  return hardware !== null && claimsHardware({ cells: hardware.cells, pci: hardware.pci })
}

/** What of their hosts they have of their own, or would get now. One that would get nothing is refused by what claims it. */
async function assignedOf(
  tx: Tx,
  changes: readonly ReserveChange[],
  known: ReadonlyMap<string, HostHardware>,
): Promise<Map<string, AssignedHardware>> {
  const own = changes.filter(claims)
  const claimed = await hardwareClaim.ofInstances(
    tx,
    own.map(one => one.id),
  )
  const left = new Map(known)
  const found = new Map<string, AssignedHardware>()
  for (const { id, host_id, hardware, before } of own) {
    const [there, has] = [left.get(host_id), claimed.get(`${id} ${host_id}`)]
    if (has && before.compute_claimed) {
      found.set(id, has)
      continue
    }
    // A deleted one may have kept disks, which nobody has free any more (hardwareClaim.releaseIdle): what it takes is the rest.
    const kept = has?.pci ?? []
    const assigned = there && hardware ? fitBeside(there, hardware, kept).assigned : undefined
    if (!there || !assigned) continue
    const is_new = ({ address }: { address: string }) => !kept.some(one => one.address === address)
    found.set(id, { ...assigned, pci: assigned.pci.filter(is_new) })
    left.set(host_id, { ...there, taken: withTaken(there.taken, assigned) })
  }
  return found
}

type SizeOf = (one: ReserveChange, size: Size) => ReserveSize

/** What one counts as where it is, and what it needs where it would be restarted. */
interface Sizes {
  there: SizeOf
  elsewhere: SizeOf
}

function changedBy(host: ReserveHost, changes: readonly ReserveChange[], { there, elsewhere }: Sizes): ReserveHost {
  const more = (of: (one: Counted) => Size, sizeOf: SizeOf) =>
    changes.reduce<ReserveSize>((sum, one) => {
      const [before, after] = [of(one.before), of(one.after)]
      // Nothing of it counts: then neither does its hardware.
      const grown = after === nothing ? sum : plus(sum, sizeOf(one, after))
      return before === nothing ? grown : plus(grown, sizeOf(one, before), -1)
    }, nothing)
  const free = plus({ ...nothing, hardware: host.hardware_free ?? new Map() }, more(promisedOf, there), -1)
  const needed = plus({ ...nothing, hardware: host.ha_hardware ?? new Map() }, more(restartedOf, elsewhere))
  return {
    id: host.id,
    vcpus_free: Math.max(0, host.vcpus_free + free.vcpus),
    memory_free_mib: Math.max(0, host.memory_free_mib + free.memory_mib),
    ha_vcpus: host.ha_vcpus + needed.vcpus,
    ha_memory_mib: host.ha_memory_mib + needed.memory_mib,
    hardware_free: new Map([...(free.hardware ?? [])].map(([name, left]) => [name, Math.max(0, left)])),
    ha_hardware: needed.hardware ?? new Map(),
  }
}
