/**
 * Hosts spread over controllers. Agents begin anywhere, so this has to do only where a controller joins, or comes back: one that holds
 * more than its share sends a few hosts on, again and again, so that nobody notices.
 */
import type { Cloud } from '../cloud.ts'
import { host } from '../store/host.ts'
import { Loop } from './loop.ts'

export const balance_every_ms = 10_000
/** Of its links, at once. */
const share_max = 0.02
/** So much more than its share, and one, is not worth a move. */
const slack = 0.1

/** How many of `own` links to send on, with so many on all controllers together. Pure. */
export function surplusOf(own: number, links: readonly number[]): number {
  const fair = links.reduce((sum, one) => sum + one, 0) / Math.max(1, links.length)
  const over = Math.floor(own - fair * (1 + slack) - 1)
  return over <= 0 ? 0 : Math.min(over, Math.max(1, Math.floor(own * share_max)))
}

export function balanceLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  return new Loop({
    name: 'spreading hosts over controllers',
    clock,
    log,
    every_ms: balance_every_ms,
    pass: () => spread(cloud),
  })
}

/** One pass. */
export async function spread(cloud: Cloud): Promise<boolean> {
  const links = await host.linksByController(cloud.database.db)
  const count = surplusOf(links.get(cloud.self.id) ?? 0, [...links.values()])
  if (count > 0) cloud.agents.handOver(count)
  return false
}
