/**
 * After a restore of the database from an older backup: an operator settles, host by host, what the host knows better. Nothing
 * here happens by itself. 'host': what the host was told last is wanted from now on. 'database': what the database says is
 * wanted again, under a generation beyond the host's. What only the host knows is adopted in restored-adopt.ts.
 */
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf, ReplyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type HeldRow, held } from '../store/held.ts'
import { heldPlace } from '../store/held-place.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import { projectQuota } from '../store/project-quota.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { leaveOrphan } from './restored-clear.ts'
import { giveUpRecord, sendAway, takeHere, tellMissing } from './restored-where.ts'

type Asked = BodyOf<typeof hostRoutes.reconcile>
type Outcome = ReplyOf<typeof hostRoutes.reconcile>

/**
 * Settles all that are ahead, or those named, whatever they are. What cannot be settled this way is left, with the reason; the rest
 * commits.
 */
export function reconcileHost(cloud: Cloud, caller: Caller, host_id: string, asked: Asked): Promise<Outcome> {
  return change(cloud, caller, async tx => {
    const others = await heldPlace.hostsOf(tx, asked.instance_ids ?? [])
    if (!(await host.lockEach(tx, [host_id, ...others])).has(host_id)) throw notFound('host', host_id)
    const rows = await held.lock(tx, host_id, asked.instance_ids)
    const missing = asked.instance_ids?.find(id => !rows.some(row => row.instance_id === id))
    if (missing) throw notFound('unsettled instance on this host', missing)
    // All before quota and claims are, as everybody does (store/database.ts).
    const locked = await instance.lockAll(
      tx,
      rows.map(hold => hold.instance_id),
    )
    const known = new Map(locked.map(row => [row.id, row]))
    const outcome: Outcome = { settled: [], left: [] }
    const settling: Settling[] = []
    for (const hold of rows) {
      if (hold.kind !== 'ahead' && !asked.instance_ids) continue
      const row = known.get(hold.instance_id)
      const settled = row && (await settle(cloud, tx, asked, hold, row))
      if (settled === 'settled') outcome.settled.push(hold.instance_id)
      else if (settled && typeof settled === 'object') settling.push(settled)
      else {
        const reason = settled ?? whyNot(hold)
        outcome.left.push({ instance_id: hold.instance_id, name: row?.name ?? nameOf(hold), reason })
      }
    }
    await carryOut(tx, settling)
    outcome.settled.push(...settling.map(one => one.row.id))
    await held.remove(tx, host_id, outcome.settled)
    await tell(tx, caller, host_id, outcome.settled)
    return outcome
  })
}

/** What becomes of one instance. */
interface Settling {
  hold: HeldRow
  row: LockedInstance
  set: Parameters<typeof held.pass>[3]
  /** Its size from now on, when the host's word counts. */
  next?: { vcpus: number; memory_mib: number; gone: boolean }
}

async function carryOut(tx: Tx, settling: readonly Settling[]): Promise<void> {
  await recount(tx, settling)
  for (const { row, hold, set } of settling) await held.pass(tx, row.id, hold, set)
  // What was asked before the host was heard is not what it does now.
  const ids = settling.flatMap(one => (one.next ? one.row.id : []))
  await operation.cancelTargets(tx, ids, 'what the host was told before the restore is wanted again')
}

async function tell(tx: Tx, caller: Caller, host_id: string, ids: readonly string[]): Promise<void> {
  const settled = await instance.byIds(tx, ids)
  await event.record(tx, [
    { noun: 'host', kind: 'changed', resource_id: host_id, project_id: null, ...by(caller) },
    ...settled.map(one => ({
      noun: 'instance',
      kind: 'changed',
      resource_id: one.id,
      project_id: one.project_id,
      ...by(caller),
    })),
  ])
  // One of which this host knew may have gone on to another since.
  await event.wakeHosts(tx, [host_id, ...settled.flatMap(one => one.host_id ?? [])])
}

function nameOf(hold: HeldRow): string | null {
  return hold.wanted?.metadata.name ?? null
}

function whyNot(hold: HeldRow): string {
  if (hold.kind === 'orphaned') {
    return 'Only the host knows this instance. Make its record anew (croft host adopt), or give it up by name (croft host purge-orphan).'
  }
  return 'It was deleted just now.'
}

/** How, or why not. */
async function settle(
  cloud: Cloud,
  tx: Tx,
  asked: Asked,
  hold: HeldRow,
  row: LockedInstance,
): Promise<Settling | 'settled' | string> {
  const by_host = asked.take === 'host'
  if (hold.kind === 'missing')
    return by_host && row.host_id === hold.host_id ? await giveUpRecord(tx, row) : await tellMissing(tx, hold, row)
  if (hold.kind === 'elsewhere')
    return by_host ? await takeHere(cloud, tx, hold, row) : await sendAway(cloud, tx, hold, row)
  if (hold.kind === 'moving') {
    return 'The host is sending it to another one, and goes on with that by itself; it is settled when that host is back, too. If that host is lost, remove it (croft host remove).'
  }
  if (by_host) return await takeHost(cloud, tx, hold, row)
  const alive = hold.power !== 'deleted' && hold.power !== 'purged'
  if (row.deleted_at !== null && alive && !asked.deleted_ids?.includes(row.id)) {
    return 'The database says that it is deleted, and the host keeps it: it was recovered after the backup. Name it in deleted_ids to have it deleted; or take what the host says.'
  }
  return { hold, row, set: {} }
}

async function takeHost(cloud: Cloud, tx: Tx, hold: HeldRow, row: LockedInstance): Promise<Settling | string> {
  const { wanted } = hold
  if (!wanted)
    return 'The host has not shown yet what it holds. Ask again once it is up; its agent may have to be updated.'
  const strange = await otherDisks(tx, row.id, wanted)
  if (strange) return strange
  const gone = wanted.power === 'deleted' || wanted.power === 'purged'
  const now_ms = cloud.clock.now_ms()
  const minutes = wanted.power === 'purged' ? 0 : cloud.settings.at('instance.recovery_minutes', row)
  const deletion = gone
    ? { deleted_at: row.deleted_at ?? new Date(now_ms), purge_at: row.purge_at ?? new Date(now_ms + minutes * 60_000) }
    : { deleted_at: null, purge_at: null, compute_claimed: true }
  const { vcpus, memory_mib } = wanted
  return {
    hold,
    row,
    next: { vcpus, memory_mib, gone },
    set: {
      wanted_power: wanted.power === 'running' ? 'running' : 'stopped',
      purging: wanted.power === 'purged',
      vcpus,
      memory_mib,
      ...deletion,
    },
  }
}

/** Disks that were added or taken off after the backup are more than a record can be made of here. */
async function otherDisks(tx: Tx, id: string, wanted: WantedInstance): Promise<string | null> {
  const here = new Set((await instance.find(tx, id))?.volumes)
  const there = wanted.disks.flatMap(disk => (disk.volume_id === id ? [] : disk.volume_id))
  const unknown = there.filter(one => !here.has(one))
  if (unknown.length > 0) {
    return `The host has disks of it that the database does not know (${unknown.join(', ')}): their records cannot be made anew here. Save them on the host first, then take what the database says.`
  }
  const lost = [...here].filter(one => !there.includes(one))
  if (lost.length === 0) return null
  return `The database has volumes at it that the host was not told of (${lost.join(', ')}): they were taken off after the backup. Detach or delete them once what the database says is taken.`
}

/** Quota first, then the host: the order in which every transaction takes its locks. */
async function recount(tx: Tx, settling: readonly Settling[]): Promise<void> {
  const counted = settling.flatMap(({ row, next }) => (next ? { row, next } : []))
  const project = (row: LockedInstance, { vcpus, memory_mib }: { vcpus: number; memory_mib: number }) => ({
    project_id: row.project_id,
    amounts: { instances: 1, vcpus, memory_mib },
  })
  await projectQuota.releaseAll(
    tx,
    counted.flatMap(({ row }) => (row.deleted_at === null ? project(row, row) : [])),
  )
  await projectQuota.chargeAll(
    tx,
    counted.flatMap(({ row, next }) => (next.gone ? [] : project(row, next))),
  )
  const claimOf = (row: LockedInstance, { vcpus, memory_mib }: { vcpus: number; memory_mib: number }) => ({
    host_id: row.host_id,
    vcpus,
    memory_mib,
    disk_gib: 0,
  })
  await host.release(
    tx,
    counted.flatMap(({ row }) => (row.compute_claimed ? claimOf(row, row) : [])),
  )
  // One that goes off keeps its room until its host has said that it is off.
  await host.claimHeld(
    tx,
    counted.flatMap(({ row, next }) => (!next.gone || row.compute_claimed ? claimOf(row, next) : [])),
  )
}

/** Removes from a host what only that host knows, once its name is given: its disks go for good. */
export function purgeOrphan(
  cloud: Cloud,
  caller: Caller,
  host_id: string,
  asked: BodyOf<typeof hostRoutes.purgeOrphan>,
): Promise<Host> {
  return change(cloud, caller, async tx => {
    if (!(await host.lock(tx, host_id))) throw notFound('host', host_id)
    const { hold, wanted } = await lockOrphan(tx, host_id, asked.instance_id)
    if (wanted.metadata.name !== asked.name) {
      throw new CloudError(
        'conflict',
        `This instance is called ${wanted.metadata.name}, not ${asked.name}: nothing is removed.`,
      )
    }
    // On disks that another host may be using it is only left alone: who has it last removes them.
    const other_id = await heldPlace.sharingOrphan(tx, host_id, hold.instance_id)
    if (other_id !== null) await leaveOrphan(cloud, tx, hold, wanted, other_id)
    else await held.wantPurged(tx, host_id, hold.instance_id)
    await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: host_id, project_id: null, ...by(caller) }])
    const found = await host.find(tx, host_id)
    if (!found) throw notFound('host', host_id)
    return found
  })
}

/** What only this host knows, with all that it holds of it. */
export async function lockOrphan(
  tx: Tx,
  host_id: string,
  instance_id: string,
): Promise<{ hold: HeldRow; wanted: WantedInstance }> {
  const [hold] = await held.lock(tx, host_id, [instance_id])
  if (!hold) throw notFound('unsettled instance on this host', instance_id)
  if (hold.kind !== 'orphaned' || (await instance.find(tx, instance_id)) !== null) {
    throw new CloudError('wrong_state', 'The database knows this instance: settle it with croft host reconcile.')
  }
  if (hold.purging) throw new CloudError('wrong_state', 'This instance is being removed from its host already.')
  const { wanted } = hold
  if (wanted) return { hold, wanted }
  throw new CloudError(
    'wrong_state',
    'The host has not shown yet what it holds of this instance. Ask again once it is up.',
  )
}
