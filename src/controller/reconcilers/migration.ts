/**
 * Migrations that no host's word brings on: those whose new host never became ready, and those one of whose hosts was taken
 * out of the cloud.
 */
import { giveUp, end } from '../app/migration-steps.ts'
import type { Cloud } from '../cloud.ts'
import { instance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { Loop } from './loop.ts'

export const migration_pass_ms = 5000
/** A new host that does not answer while it should make ready is given up after this time: there are others. */
const silent_s = 60

export function migrationLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  return new Loop({
    name: 'overdue migrations',
    clock,
    log,
    every_ms: migration_pass_ms,
    pass: () => endOverdue(cloud),
  })
}

export async function endOverdue(cloud: Pick<Cloud, 'database' | 'settings'>): Promise<boolean> {
  const ready_s = cloud.settings.get('migration.ready_s')
  const found = await migration.overdue(cloud.database.db, { ready_s, silent_s })
  for (const one of found) {
    await cloud.database.transaction(async tx => {
      await instance.lockAll(tx, [one.instance_id])
      const row = await migration.lock(tx, one.id)
      if (!row) return
      const why = one.removed
        ? 'the new host was taken out of the cloud'
        : one.silent
          ? `the new host has not answered for ${silent_s} s`
          : `the new host was not ready within ${ready_s} s (setting migration.ready_s)`
      // Its host may have spoken meanwhile: only what still waits is ended. Of a new host that is gone for good nobody need be asked: what
      // has come to it is gone with it, and a source that waits for its word would wait for ever.
      if (row.phase === 'preparing' || (row.phase === 'sending' && one.removed)) await giveUp(tx, row, 'failed', why)
      else if (row.phase !== 'ended' && one.removed) await end(tx, row)
    })
  }
  return false
}
