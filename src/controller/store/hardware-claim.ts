/** What of hosts' hardware instances have. A CPU or device that is another's already breaks a constraint; see migrations/0014. */
import { sql } from 'kysely'
import { type AssignedHardware, noHardware } from '../../model/hardware.ts'
import type { HostFacts } from '../../protocol/host-facts.ts'
import { countsOf } from '../../model/reserve-size.ts'
import { type Db, json, type Tx } from './database.ts'
import { insertRows } from './insert-rows.ts'

export interface NewHardwareClaim {
  instance_id: string
  host_id: string
  assigned: AssignedHardware
}

/** After the claim on the host (host.claim), whose lock keeps others away. Throws constraint host_cpu_claim_pkey, host_pci_claim_pkey. */
async function insert(tx: Tx, made: readonly NewHardwareClaim[]): Promise<void> {
  if (made.length === 0) return
  await insertRows(
    tx,
    'hardware_claim',
    made.map(one => ({ ...one, ...countsOf(one.assigned) })),
  )
  const cpus = made.flatMap(({ instance_id, host_id, assigned: { cells, idle_cpus } }) =>
    [...cells.flatMap(cell => cell.cpus), ...idle_cpus].map(cpu => ({ host_id, cpu, instance_id })),
  )
  await insertRows(tx, 'host_cpu_claim', cpus)
  const pci = made.flatMap(({ instance_id, host_id, assigned }) =>
    assigned.pci.map(({ address }) => ({ host_id, address, instance_id })),
  )
  await insertRows(tx, 'host_pci_claim', pci)
}

/** Of instances on hosts that they have left, or where they gave up what they claimed. After host.release. */
async function release(tx: Tx, of: readonly { instance_id: string; host_id: string }[]): Promise<void> {
  if (of.length === 0) return
  const pairs = json(of.map(({ instance_id, host_id }) => ({ instance_id, host_id })))
  await sql`delete from hardware_claim c using jsonb_to_recordset(${pairs}) as r (instance_id uuid, host_id uuid)
    where c.instance_id = r.instance_id and c.host_id = r.host_id`.execute(tx)
}

/**
 * Of those of the instances that need no compute any more (instance.giveUpCompute). Disks stay theirs until they are purged: what is on one is the
 * instance's, as its volumes are, and would be read and overwritten by whoever is given it.
 */
async function releaseIdle(tx: Tx, instance_ids: readonly string[]): Promise<void> {
  if (instance_ids.length === 0) return
  const { rows } = await sql<NewHardwareClaim & { pci: HostFacts['pci'] | null }>`
    with gone as (
      delete from hardware_claim c using instance i
      where c.instance_id = any(${[...instance_ids]}::uuid[]) and i.id = c.instance_id and not i.compute_claimed
      returning c.instance_id, c.host_id, c.assigned
    )
    select g.*, case when jsonb_array_length(g.assigned->'pci') > 0 then h.facts->'pci' end as pci
    from gone g join host h on h.id = g.host_id order by g.host_id, g.instance_id`.execute(tx)
  await insert(
    tx,
    rows.flatMap(({ instance_id, host_id, assigned, pci }) => {
      const kept = withDisks(assigned.pci, pci ?? [])
      return kept.length > 0 ? [{ instance_id, host_id, assigned: { ...noHardware, pci: kept } }] : []
    }),
  )
}

/** PCI's class of mass storage. */
const isDisk = ({ class: kind }: { class: string }) => /^(0x)?01/i.test(kind)

/** Those that are disks, may be one for all that is known, or share a group with one, and so can be nobody else's. */
function withDisks(given: AssignedHardware['pci'], known: HostFacts['pci']): AssignedHardware['pci'] {
  const found = new Map(known.map(one => [one.address, one]))
  const groups = new Set(
    given.flatMap(({ address }) => {
      const one = found.get(address)
      return one?.iommu_group && isDisk(one) ? one.iommu_group : []
    }),
  )
  return given.filter(({ address }) => {
    const one = found.get(address)
    return !one || isDisk(one) || (!!one.iommu_group && groups.has(one.iommu_group))
  })
}

/** By `INSTANCE HOST`. */
async function ofInstances(db: Db, ids: readonly string[]): Promise<Map<string, AssignedHardware>> {
  const rows = await db
    .selectFrom('hardware_claim')
    .select(['instance_id', 'host_id', 'assigned'])
    .where(sql<boolean>`instance_id = any(${[...ids]}::uuid[])`)
    .execute()
  return new Map(rows.map(row => [`${row.instance_id} ${row.host_id}`, row.assigned as AssignedHardware]))
}

export interface HardwareHolder {
  instance_id: string
  name: string
  project_id: string
  assigned: AssignedHardware
}

/** Who has what of a host. */
async function ofHost(db: Db, host_id: string): Promise<HardwareHolder[]> {
  const rows = await db
    .selectFrom('hardware_claim as c')
    .innerJoin('instance as i', 'i.id', 'c.instance_id')
    .select(['c.instance_id', 'i.name', 'i.project_id', 'c.assigned'])
    .where('c.host_id', '=', host_id)
    .orderBy('i.name')
    .execute()
  return rows.map(row => ({ ...row, assigned: row.assigned as AssignedHardware }))
}

export const hardwareClaim = { insert, release, releaseIdle, ofInstances, ofHost }
