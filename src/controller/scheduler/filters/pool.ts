/** Only hosts that reach the pool in which its disks are. */
import type { Filter } from '../filter.ts'

export const pool: Filter = {
  fault: 'without the pool of its disks',
  remedy: 'start from an image, or from a volume in a pool that more hosts have',
  remedy_elsewhere: 'add a host that has the pool of its disks',
  applies: asked => asked.pool_id !== undefined,
  refuses: (host, _, asked) => asked.pool_id !== host.pool_id,
  why: () => 'does not reach the pool in which its disks are',
}
