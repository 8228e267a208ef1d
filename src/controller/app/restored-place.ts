/**
 * Puts instances where hosts say that they are, after a restore of the database from a time before they moved. What may be done by
 * itself is model/restored.ts; what an operator settles, restored.ts; what hosts are to clear, restored-clear.ts.
 */
import { isMoving } from '../../model/migration.ts'
import { settlementOf } from '../../model/restored.ts'
import type { WantedMigration } from '../../protocol/migration.ts'
import type { Cloud } from '../cloud.ts'
import { channels, json, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { type HeldRow, held } from '../store/held.ts'
import { heldPlace } from '../store/held-place.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { migration, type MigrationRow } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { changed, end, giveUp, movedNotice, switchOver } from './migration-steps.ts'
import { clear, insertLeaving, recordOf, restored, settled } from './restored-clear.ts'
import { claimAsHeld } from './restored-hardware.ts'

/** One instance, as far as it settles itself; false when there was nothing to do. */
export async function settlePlace(cloud: Cloud, id: string): Promise<boolean> {
  return await cloud.database.transaction(async tx => {
    await host.lockEach(tx, await heldPlace.hostsOf(tx, [id]))
    const holds = await held.ofInstance(tx, id)
    const row = await instance.lock(tx, id)
    const [at] = await heldPlace.unsettled(tx, [id])
    const settlement = at && settlementOf(at)
    if (!row || !settlement) return false
    const hold = holds.find(one => one.host_id === settlement.host_id)
    if (!hold) return false
    switch (settlement.act) {
      case 'follow':
        await follow(cloud, tx, row, hold, settlement.placement)
        return true
      case 'give-up':
        for (const move of await migration.lockOpen(tx, [id]))
          if (isMoving(move.phase)) await giveUp(tx, move, 'failed', restored)
        await settled(tx, row, [hold.host_id])
        return true
      case 'resume':
        return await resume(tx, row, hold)
      case 'clear':
        await clear(cloud, tx, row, hold, settlement.step)
        return true
      default:
        return settlement satisfies never
    }
  })
}

/**
 * The instance is that host's from now on. With `leave`, the host that it was placed on has it too, and is told to leave it alone: what
 * it has of disks stays there, as nobody knows whether that is all there is.
 */
export async function follow(
  cloud: Cloud,
  tx: Tx,
  row: LockedInstance,
  hold: HeldRow,
  placement: number,
  leave = false,
): Promise<void> {
  const from_host_id = row.host_id
  const moves = await migration.lockOpen(tx, [row.id])
  const arriving = moves.find(one => isMoving(one.phase) && one.target_host_id === hold.host_id)
  if (arriving) await switchOver(tx, arriving, null)
  else {
    await endMoves(tx, moves, hold.host_id)
    if (leave) await insertLeaving(cloud, tx, row, { host_id: from_host_id, to_host_id: hold.host_id })
    await relocate(tx, row, hold)
  }
  await heldPlace.setPlacement(tx, row.id, placement)
  await settled(tx, row, [from_host_id, hold.host_id])
  await event.notify(tx, channels.network, '')
  await event.notify(tx, channels.console, movedNotice(row.id))
}

/** Moves of a time that is over: hosts that are to be cleared are, but for the one that has the instance. */
async function endMoves(tx: Tx, moves: readonly MigrationRow[], owner_id: string): Promise<void> {
  for (const move of moves) {
    if (isMoving(move.phase)) await giveUp(tx, move, 'failed', restored)
    const clears = move.phase === 'leaving' ? move.source_host_id : move.target_host_id
    if (clears === owner_id && move.phase !== 'ended') await end(tx, move)
  }
}

/** What is claimed, and all that is the instance's, goes over to the host that has it. */
async function relocate(tx: Tx, row: LockedInstance, hold: HeldRow): Promise<void> {
  const [from, to] = [row.host_id, hold.host_id]
  const content = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id: from,
    target_host_id: to,
  })
  const claim = {
    vcpus: row.compute_claimed ? row.vcpus : 0,
    memory_mib: row.compute_claimed ? row.memory_mib : 0,
    disk_gib: content.reduce((sum, one) => sum + one.size_gib, 0),
  }
  await host.release(tx, [{ host_id: from, ...claim }])
  await host.claimHeld(tx, [{ host_id: to, ...claim }])
  await hardwareClaim.release(tx, [{ instance_id: row.id, host_id: from }])
  if (hold.wanted && row.compute_claimed) await claimAsHeld(tx, to, hold.wanted)
  const volumes = await migrationContent.rehost(tx, { instance_id: row.id, target_host_id: to })
  await event.record(
    tx,
    volumes.map(({ id }) => ({ noun: 'volume', kind: 'changed', resource_id: id, project_id: row.project_id })),
  )
}

/** Its host is sending it away: the record of that move is made again, and both hosts go on with it. */
async function resume(tx: Tx, row: LockedInstance, hold: HeldRow): Promise<boolean> {
  const move = hold.wanted?.migration
  if (!hold.wanted || !move || (move.step !== 'send' && move.step !== 'cancel')) return false
  const peers = [row.host_id, move.peer_host_id]
  const open = await migration.lockOpen(tx, [row.id])
  const known = open.find(one => one.id === move.id)
  const sending = {
    phase: 'sending' as const,
    sending_at: await migrationContent.now(tx),
    peer_address: move.peer_address ?? null,
    ...(move.step === 'cancel' && { cancel_as: 'cancelled' as const, reason: restored }),
  }
  if (known) {
    if (known.phase !== 'preparing') return false
    await migration.update(tx, known.id, sending)
  } else {
    if (move.peer_host_id === row.host_id || !(await host.exists(tx, move.peer_host_id))) return false
    if ((await migration.find(tx, move.id)) !== null) return false
    await endMoves(
      tx,
      open.filter(one => isMoving(one.phase)),
      move.peer_host_id,
    )
    await insertResumed(tx, row, move, sending)
  }
  await event.record(tx, [changed(move, known ? 'changed' : 'created')])
  await settled(tx, row, peers)
  await event.notify(tx, channels.network, '')
  return true
}

async function insertResumed(
  tx: Tx,
  row: LockedInstance,
  move: WantedMigration,
  sending: Pick<MigrationRow, 'sending_at' | 'peer_address'> & { cancel_as?: 'cancelled'; reason?: string },
): Promise<void> {
  const target_host_id = move.peer_host_id
  const content = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id: row.host_id,
    target_host_id,
  })
  const claim = {
    vcpus: row.compute_claimed ? row.vcpus : 0,
    memory_mib: row.compute_claimed ? row.memory_mib : 0,
    disk_gib: content.reduce((sum, one) => sum + (one.is_shared ? 0 : one.size_gib), 0),
  }
  await host.claimHeld(tx, [{ host_id: target_host_id, ...claim }])
  const { bandwidth_mib_s, downtime_ms_max, auto_converge, postcopy_after_s, timeout_s } = move
  await migration.insert(tx, {
    ...recordOf(row),
    id: move.id,
    kind: move.kind,
    source_host_id: row.host_id,
    target_host_id,
    copied_volumes: json(move.copied_volumes),
    options: json({ bandwidth_mib_s, downtime_ms_max, auto_converge, postcopy_after_s, timeout_s }),
    secret: move.secret,
    ...claim,
    ...sending,
    phase: 'sending',
  })
}
