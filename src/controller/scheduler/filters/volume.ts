/** Only hosts that reach the volume that it starts from: its own, and those that share its pool. */
import type { Filter } from '../filter.ts'

export const volume: Filter = {
  fault: 'not where the volume is',
  remedy: 'free room on the hosts that have the volume',
  applies: asked => asked.volume_host_id !== undefined,
  refuses: (host, _, asked) =>
    asked.volume_host_id !== host.id && (asked.volume_pool_id === undefined || asked.volume_pool_id !== host.pool_id),
  why: () => 'does not reach the volume that it starts from, which is on another host and in another pool',
}
