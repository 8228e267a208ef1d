/**
 * Hosts that are no more leave a chassis in OVN's southbound database when their ovn-controller did not end in good order: others would
 * keep tunnels to it for ever. It is taken out here. Not its job: who may write there (southbound.ts).
 */
import { type Database, operationsFor } from '../../lib/ovsdb/index.ts'
import type { Cloud } from '../cloud.ts'
import { hostIdentity } from '../store/host-identity.ts'
import type { Southbound } from './southbound.ts'

const named = { isRoot: true, indexes: [['name']], columns: { name: { type: 'string' } } } as const
export const chassisTables = { Chassis: named, Chassis_Private: named } as const
const tables = ['Chassis', 'Chassis_Private'] as const
const sb = operationsFor({ name: 'OVN_Southbound', tables: chassisTables })

type Parts = Pick<Cloud, 'clock' | 'log' | 'database' | 'events'>

/** A host that leaves stops its ovn-controller only once it may go; until then that would come back. */
const stopped_within_ms = 60_000
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Takes out the chassis of all hosts that were removed; others are left alone, whatever they are called. */
export async function takeOutRemoved(cloud: Parts, database: Database<Southbound>): Promise<void> {
  const names = new Set(tables.flatMap(table => [...database.replica.table(table).values()].map(row => row.name)))
  const removed = await hostIdentity.removedOf(
    cloud.database.db,
    [...names].filter(name => uuid.test(name)),
  )
  if (removed.length === 0) return
  await database.transact(tables.flatMap(table => removed.map(name => sb.delete(table, [['name', '==', name]]))))
  cloud.log.info({ hosts: removed }, 'hosts that were removed are out of the southbound database')
}

/** As takeOutRemoved, at once and some time after each removal, until what it gives is called. `database` stays the caller's. */
export function watchRemovals(cloud: Parts, database: Database<Southbound>): () => void {
  const look = () =>
    void takeOutRemoved(cloud, database).catch((error: unknown) =>
      // Whoever connects to the database anew looks, too.
      cloud.log.warn({ err: error }, 'hosts that were removed are still in the southbound database'),
    )
  look()
  // Once more, for who was removed shortly before: that look was dropped with the connection before.
  let timer = cloud.clock.after(stopped_within_ms, look)
  const stop = cloud.events.watch(batch => {
    if (!batch.some(one => one.noun === 'host' && one.kind === 'deleted')) return
    timer.cancel()
    timer = cloud.clock.after(stopped_within_ms, look)
  })
  return () => {
    stop()
    timer.cancel()
  }
}
