/**
 * Who is placed anew stays in its own cluster while a host of it has room: that is where it may be moved to and what is kept free for it.
 * By default more than all others of Croft together.
 */
import type { Weight } from '../weight.ts'

export const ownCluster: Weight = {
  factor: 100,
  applies: asked => asked.around?.own_cluster_id !== undefined,
  weigh: (host, _, asked) => (host.cluster_id === asked.around?.own_cluster_id ? 1 : 0),
}
