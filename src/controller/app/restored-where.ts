/**
 * After a restore of the database from an older backup: an operator says where an instance is of which hosts do not agree by
 * themselves (model/restored.ts). Each act is of one instance by name, since it vouches for what no host can know.
 */
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type HeldRow, held } from '../store/held.ts'
import { heldPlace } from '../store/held-place.ts'
import type { LockedInstance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { takeOut } from './instance-gone.ts'
import { giveUp } from './migration-steps.ts'
import { tellMarked } from './restored-marks.ts'
import { clear } from './restored-clear.ts'
import { follow } from './restored-place.ts'

/** The host has nothing of it, and is right: the record goes. No host is told, so no disk goes with it. */
export async function giveUpRecord(tx: Tx, row: LockedInstance): Promise<'settled' | string> {
  const hosts = (await held.ofInstance(tx, row.id)).filter(one => one.kind === 'elsewhere')
  if (hosts.length > 0) {
    return 'Another host has it. Settle it there: croft host reconcile OTHER --take host --instance ID (croft host list shows who has something to settle).'
  }
  await endMoving(tx, row)
  await event.record(tx, await takeOut(tx, [row], 'its record was given up after a restore'), [row.host_id])
  return 'settled'
}

/** The host has nothing of it, and is to have it: it is told. What it had of disks and finds no more is lost. */
export async function tellMissing(tx: Tx, hold: HeldRow, row: LockedInstance): Promise<'settled' | string> {
  const others = (await held.ofInstance(tx, row.id)).filter(one => one.kind === 'elsewhere')
  if (others.length > 0) {
    return 'Another host has it, and may be running it. Settle it there first: croft host reconcile OTHER --instance ID --take host or --take database.'
  }
  await endMoving(tx, row)
  await held.remove(tx, hold.host_id, [row.id])
  await tellMarked(tx, await heldPlace.mark(tx, [row.id]))
  return 'settled'
}

/** One of its hosts has nothing of it: no move that the database knows goes on. What was made ready for it is cleared. */
async function endMoving(tx: Tx, row: LockedInstance): Promise<void> {
  for (const move of await migration.lockOpen(tx, [row.id]))
    await giveUp(tx, move, 'failed', 'the database was restored from an older backup')
}

/** It is this host's, and the one that the database names is to leave it alone. */
export async function takeHere(cloud: Cloud, tx: Tx, hold: HeldRow, row: LockedInstance): Promise<'settled' | string> {
  if (hold.step === 'prepare' && !hold.here)
    return 'It has not come to this host: it was made ready there, and no more. Take what the database says.'
  const mine = (await held.ofInstance(tx, row.id)).find(one => one.host_id === row.host_id)
  await follow(cloud, tx, row, hold, hold.placement, mine?.kind !== 'missing')
  return 'settled'
}

/** This host is to leave it alone; its files stay, in its own pool. */
export async function sendAway(cloud: Cloud, tx: Tx, hold: HeldRow, row: LockedInstance): Promise<'settled' | string> {
  const open = await migration.lockOpen(tx, [row.id])
  if (open.some(one => one.source_host_id === hold.host_id || one.target_host_id === hold.host_id)) {
    // It is told so already, under a placement that it takes for older than its own.
    await heldPlace.setPlacement(tx, row.id, hold.placement + 1)
    for (const one of open) await migration.tellUnder(tx, one.id, hold.placement + 1)
    await held.remove(tx, hold.host_id, [row.id])
    await tellMarked(tx, await heldPlace.mark(tx, [row.id]))
    return 'settled'
  }
  await clear(cloud, tx, row, hold, hold.step === 'prepare' ? 'discard' : 'leave')
  return 'settled'
}
