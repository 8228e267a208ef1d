/** Empties hosts in maintenance: begins as many moves as the limits allow, and the next as one ends. */
import { type DrainStep, moveAway, noteDrained, noteFailure } from '../app/maintenance.ts'
import { limitsOf } from '../app/maintenance-limits.ts'
import type { Cloud } from '../cloud.ts'
import { maintenance } from '../store/maintenance.ts'
import { Loop } from './loop.ts'

const every_ms = 5000

export function maintenanceLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  return new Loop({ name: 'emptying hosts', clock, log, every_ms, pass: () => drain(cloud) })
}

export async function drain(cloud: Cloud): Promise<boolean> {
  for (const host_id of await maintenance.hosts(cloud.database.db)) await drainOne(cloud, host_id)
  return false
}

async function drainOne(cloud: Cloud, host_id: string): Promise<void> {
  const { db } = cloud.database
  await cloud.settings.learn(db, [host_id])
  const per_host = cloud.settings.at('migration.parallel_per_host', { host_id })
  // Some that are obstructed must not hide those that are not.
  for (const instance_id of await maintenance.next(db, host_id, 20 + 10 * per_host)) {
    const step = await tryOne(cloud, host_id, instance_id)
    if (step === 'over') return
    if (step === 'full') break
  }
  await cloud.database.transaction(async tx => {
    const row = await maintenance.lock(tx, host_id)
    if (row) await noteDrained(tx, row)
  })
}

/** In a transaction of its own: one that fails holds up none of the others. */
async function tryOne(cloud: Cloud, host_id: string, instance_id: string): Promise<DrainStep | 'over' | 'full'> {
  const { database, log } = cloud
  try {
    return await database.transaction(async tx => {
      const row = await maintenance.lock(tx, host_id)
      if (!row) return 'over'
      const limits = await limitsOf(cloud, tx, host_id)
      // What leaves now is shown. Where nothing does, what is waited for has to be said.
      if (limits.full !== null && limits.sends > 0) return 'full'
      return await moveAway(cloud, tx, row, instance_id, limits)
    })
  } catch (error) {
    // Throws when it is the database that is away.
    await database.transaction(async tx => {
      const row = await maintenance.lock(tx, host_id)
      if (row) await noteFailure(tx, row, instance_id)
    })
    log.warn({ err: error, host_id, instance_id }, 'an instance could not be moved away; it is tried again')
    return 'obstructed'
  }
}
