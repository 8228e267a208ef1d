/**
 * After a restore of the database from an older backup: settles by itself where instances belong of which the hosts agree. Woken by
 * what hosts say as their links begin.
 */
import { settlementOf } from '../../model/restored.ts'
import { discardHalfCome } from '../app/restored-clear.ts'
import { settlePlace } from '../app/restored-place.ts'
import type { Cloud } from '../cloud.ts'
import { heldPlace } from '../store/held-place.ts'
import { Loop } from './loop.ts'

const every_ms = 60_000

export function restoredLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  return new Loop({ name: 'settling after a restore', clock, log, every_ms, pass: () => settleRestored(cloud) })
}

export async function settleRestored(cloud: Cloud): Promise<boolean> {
  for (const one of await heldPlace.unsettled(cloud.database.db)) {
    if (settlementOf(one) === null) continue
    if (await settlePlace(cloud, one.id))
      cloud.log.info({ instance: one.id }, 'settled after a restore of the database')
  }
  for (const one of await heldPlace.halfCome(cloud.database.db)) await discardHalfCome(cloud, one)
  return false
}
