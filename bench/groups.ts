/** All groups of figures, in the order in which they run. A new file of figures is named here. */
import type { BenchGroup } from './figures.ts'

export const groups: readonly (() => Promise<BenchGroup>)[] = [
  () => import('./boot.ts'),
  () => import('./read.ts'),
  () => import('./token.ts'),
  () => import('./events.ts'),
  () => import('./scale-place.ts'),
  () => import('./start.ts'),
  () => import('./memory.ts'),
  () => import('./guest.ts'),
  () => import('./migrate.ts'),
  () => import('./moved.ts'),
  () => import('./console.ts'),
  () => import('./ui.ts'),
  () => import('./libvirt.ts'),
  () => import('./ovsdb.ts'),
  () => import('./image.ts'),
  () => import('./ha.ts'),
  () => import('./scale.ts'),
]
