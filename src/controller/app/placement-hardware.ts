/**
 * Hardware by name or number in placing: what hosts have of it is read with what is decided, and given out once their claims are
 * locked, as it is then. Not its job: fitting (scheduler/hardware-fit.ts), and room for vCPUs and memory in all.
 */
import { CloudError } from '../../model/errors.ts'
import { type AssignedHardware, claimsHardware, featuresNeeded, type Hardware } from '../../model/hardware.ts'
import { countsOf, type HardwareCounts } from '../../model/reserve-size.ts'
import { fitBeside, fitHardware, type HostHardware, withTaken } from '../scheduler/hardware-fit.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import type { Tx } from '../store/database.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { host } from '../store/host.ts'
import { type Claim, lockClaims } from '../store/host-claim.ts'
import { hostHardware } from '../store/host-hardware.ts'

interface OnHost {
  host_id: string
  hardware?: AssignedHardware | undefined
}

/** With what hosts have now. */
export async function withHardware(tx: Tx, asked: PlacementAsked): Promise<PlacementAsked> {
  const { hardware, host_id } = asked
  if (!hardware) return asked
  const asks = claimsHardware(hardware) || featuresNeeded(hardware).length > 0
  if (!asks) return asked
  const known = await hostHardware.read(tx, host_id === null ? null : [host_id])
  return { ...asked, around: { ...asked.around, hardware: known } }
}

/** Of all hosts of which something may be kept free for lost ones where it may go; undefined: nothing of it is asked for. */
export async function allHardware(
  tx: Tx,
  { hardware, host_id, around }: PlacementAsked,
): Promise<ReadonlyMap<string, HostHardware> | undefined> {
  if (!hardware || !claimsHardware(hardware)) return undefined
  return host_id === null ? around?.hardware : await hostHardware.besides(tx, host_id)
}

/** Of each host, what these instances would take of its own. */
export function hardwareCounts(asked: PlacementAsked, placed: readonly OnHost[]): Map<string, HardwareCounts> {
  const sums = new Map<string, HardwareCounts>()
  const fitted = asked.hardware && fitAll(asked.around?.hardware ?? new Map(), asked.hardware, placed)
  for (const { host_id, hardware } of fitted ?? []) {
    if (!hardware) continue
    const [sum, one] = [sums.get(host_id), countsOf(hardware)]
    sums.set(host_id, {
      dedicated_vcpus: (sum?.dedicated_vcpus ?? 0) + one.dedicated_vcpus,
      pinned_cpus: (sum?.pinned_cpus ?? 0) + one.pinned_cpus,
      huge_mib: (sum?.huge_mib ?? 0) + one.huge_mib,
    })
  }
  return sums
}

/** Null when one of them does not fit. */
function fitAll<T extends OnHost>(
  known: ReadonlyMap<string, HostHardware>,
  asked: Hardware,
  placed: readonly T[],
): (T & { hardware?: AssignedHardware | undefined })[] | null {
  if (!claimsHardware(asked)) return [...placed]
  const hosts = new Map<string, HostHardware>(known)
  const fitted: (T & { hardware?: AssignedHardware | undefined })[] = []
  for (const one of placed) {
    const there = hosts.get(one.host_id)
    const fit = there && fitHardware(there, asked)
    if (!there || !fit || fit.why !== undefined) return null
    hosts.set(one.host_id, { ...there, taken: withTaken(there.taken, fit.assigned) })
    fitted.push({ ...one, hardware: fit.assigned })
  }
  return fitted
}

/**
 * What is given to instances whose hosts' claims are locked (host.claim): by what those have now. Null: it is no longer what was claimed
 * for them.
 */
export async function giveHardware<T extends OnHost>(
  tx: Tx,
  { asked, placed }: { asked: PlacementAsked; placed: readonly T[] },
): Promise<T[] | null> {
  const { hardware } = asked
  if (!hardware || !claimsHardware(hardware)) return [...placed]
  const known = await hostHardware.read(tx, [...new Set(placed.map(one => one.host_id))])
  const fitted = fitAll(known, hardware, placed)
  if (!fitted) return null
  const now = hardwareCounts({ ...asked, around: { hardware: known } }, placed)
  const before = hardwareCounts(asked, placed)
  const same = [...now].every(([id, counts]) => JSON.stringify(counts) === JSON.stringify(before.get(id)))
  return same ? fitted : null
}

/** In the order of `instance_ids`, which are there by now. */
export async function noteHardware(tx: Tx, placed: readonly OnHost[], instance_ids: readonly string[]): Promise<void> {
  await hardwareClaim.insert(
    tx,
    placed.flatMap(({ host_id, hardware: assigned }, n) => {
      const instance_id = instance_ids[n]
      return assigned && instance_id !== undefined ? [{ instance_id, host_id, assigned }] : []
    }),
  )
}

interface Returning {
  id: string
  name: string
  host_id: string
  host: string
  hardware: unknown
}

/** Claims on the hosts that instances are on, hardware included, all or nothing; false when a host has not the vCPUs or memory. */
export async function claimAgainHere(tx: Tx, claims: readonly Claim[], rows: readonly Returning[]): Promise<boolean> {
  const own = rows.filter(row => claimsHardware(hardwareOfRow(row)))
  if (own.length > 0) {
    await lockClaims(
      tx,
      claims.map(one => one.host_id),
    )
  }
  const known = own.length > 0 ? await hostHardware.read(tx, [...new Set(own.map(row => row.host_id))]) : new Map()
  // Disks were kept for them (hardwareClaim.releaseIdle).
  const has = await hardwareClaim.ofInstances(
    tx,
    own.map(row => row.id),
  )
  const given = own.map(row => {
    const there: HostHardware | undefined = known.get(row.host_id)
    const kept = has.get(`${row.id} ${row.host_id}`)?.pci ?? []
    const fit = there ? fitBeside(there, hardwareOfRow(row), kept) : { why: 'has not told of its hardware' }
    if (fit.why !== undefined || !there) {
      throw new CloudError(
        'no_capacity',
        `The host ${row.host}, which has the disks of ${row.name}, cannot take it back: it ${fit.why}. Free some room there and try again.`,
        { host_id: row.host_id },
      )
    }
    known.set(row.host_id, { ...there, taken: withTaken(there.taken, fit.assigned) })
    return { instance_id: row.id, host_id: row.host_id, assigned: fit.assigned }
  })
  const counts = given.map(one => ({
    host_id: one.host_id,
    vcpus: 0,
    memory_mib: 0,
    disk_gib: 0,
    ...countsOf(one.assigned),
  }))
  if (!(await host.claim(tx, [...claims, ...counts]))) return false
  await hardwareClaim.release(tx, given)
  await hardwareClaim.insert(tx, given)
  return true
}

function hardwareOfRow({ hardware }: { hardware: unknown }): Hardware {
  return (hardware ?? { cells: [], pci: [] }) as Hardware
}
