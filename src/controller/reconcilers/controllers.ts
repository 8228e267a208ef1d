/**
 * Controllers among each other: each keeps its lease and its own links in order, and all see to the hosts of one that is gone. Those hosts dial
 * another controller by themselves; until they do they are shown as unreachable.
 */
import type { RecordedLink } from '../agents/sessions.ts'
import type { Cloud, ControllerIdentity } from '../cloud.ts'
import { leaseTimes, wait_ms } from '../../model/lease.ts'
import { controller } from '../store/controller.ts'
import { host } from '../store/host.ts'

/** Another controller works under the same id. */
export class SameController extends Error {}

/** A lease outlives two missed passes. */
export const lease_pass_ms = leaseTimes.controller_pass_ms
const lease_s = leaseTimes.controller_lease_ms / 1000

/** From now on this run has the id; any other that has it ends when it next renews its lease. How long ago that was last there; null: not known. */
export function takeLease({ database, self }: Pick<Cloud, 'database' | 'self'>): Promise<number | null> {
  return controller.take(database.db, self, lease_s)
}

/**
 * What this controller and its hosts' leases live by: over connections that nothing else uses, and without a wait for any row that others may lock
 * for long. Throws SameController when another one has the id of this one. Null: to be called again at once. Else links that it has no more,
 * for writeOffGone.
 */
export async function renewLease(
  cloud: Pick<Cloud, 'database' | 'self' | 'agents' | 'clock'>,
  signal?: AbortSignal,
): Promise<readonly RecordedLink[] | null> {
  const { self, clock } = cloud
  const database = cloud.database.of('lease')
  if (await controller.renew(database.db, self, lease_s)) return await cloud.agents.look()
  // Nothing is written off meanwhile, and soon nothing granted: the links may be the other's.
  await untilAlone({ database, self, clock }, signal)
  return null
}

/** Of this controller and of those that are gone, whoever notices. Locks the hosts, and so waits for who has locked them. */
export async function writeOffGone(
  { database, agents }: Pick<Cloud, 'database' | 'agents'>,
  links: readonly RecordedLink[],
): Promise<void> {
  await agents.writeOff(links)
  await agents.writeOff(await host.orphaned(database.db))
  await agents.endExpected()
}

/** Both. True: to be called again at once. */
export async function keepLease(
  cloud: Pick<Cloud, 'database' | 'self' | 'agents' | 'clock'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const gone = await renewLease(cloud, signal)
  if (gone) await writeOffGone(cloud, gone)
  return gone === null
}

/** By controller, which lease of it was seen last, and since when it is that one, by the steady clock. */
export type SeenLeases = Map<string, { until: string; since_ms: number }>

/**
 * Ends what nobody has renewed for longer than a lease lasts and holds all the same: the database's clock was set back since. Else the
 * hosts of a controller that died would count as linked to it for as long as that clock was set back.
 */
export async function endUnrenewed(
  { database, self, clock }: Pick<Cloud, 'database' | 'self' | 'clock'>,
  seen: SeenLeases,
): Promise<void> {
  const now_ms = clock.steady_ms()
  const { db } = database.of('lease')
  const leases = await controller.othersLeases(db, self.id)
  const ids = new Set(leases.map(one => one.id))
  for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id)
  for (const one of leases) {
    const last = seen.get(one.id)
    if (last?.until !== one.until) seen.set(one.id, { until: one.until, since_ms: now_ms })
    else if (now_ms - last.since_ms > wait_ms(leaseTimes.controller_lease_ms)) await controller.endLease(db, one)
  }
}

const look_again_ms = 1000

/**
 * Two controllers of one id, as a copy of a controller's state folder makes them, would each take the other's links for those of its own
 * former life and write them off. One that has its former name and address has that address to itself; of any other it is waited for whether
 * somebody goes on renewing its lease. Throws SameController.
 */
export async function mustBeAlone(cloud: Parts): Promise<void> {
  const { database, self } = cloud
  const last = await controller.alive(database.db, self.id)
  if (last?.name === self.name && last.agent_url === self.agent_url) return
  await untilAlone(cloud)
}

type Parts = Pick<Cloud, 'database' | 'clock'> & { readonly self: ControllerIdentity }

/** Once nobody's lease of this id holds. Throws SameController. */
async function untilAlone({ database, self, clock }: Parts, signal?: AbortSignal): Promise<void> {
  let last = await controller.alive(database.db, self.id)
  if (!last) return
  for (let renewed = 0; ; ) {
    await clock.sleep(look_again_ms, signal)
    const now = await controller.alive(database.db, self.id)
    if (!now) return
    if (now.lease_until.getTime() === last.lease_until.getTime()) continue
    last = now
    // One that was killed may have left the database a last renewal to write.
    if (++renewed < 2) continue
    throw new SameController(
      `Another controller runs under the id of this one (${self.id}): ${now.name}, ${now.agent_url}. The folder --state was copied from there, or is ` +
        'the same one: each controller has a folder of its own, with the same seal.key and images in it. Remove controller-id from this one, and start again.',
    )
  }
}
