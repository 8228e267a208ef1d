/** Not more huge pages than hosts have left, all NUMA nodes together: how they fit onto nodes is for `numa`. */
import type { Filter } from '../filter.ts'
import { freePages, pageSizes } from '../hardware-fit.ts'
import type { Claims, PlacementAsked } from '../snapshot.ts'

/** Of the sizes that would do, the one of which most is there, MiB; null: usual pages do as well. */
function freeMib({ hardware: host }: Claims, { hardware: asked }: PlacementAsked): number | null {
  if (!host || !asked) return 0
  const sizes = pageSizes(host, asked)
  if (sizes.includes(null)) return null
  const free = sizes.map(size_kib =>
    host.nodes.reduce((sum, node) => sum + Math.max(0, freePages(host, node, size_kib ?? 0)) * (size_kib ?? 0), 0),
  )
  return Math.floor(Math.max(0, ...free) / 1024)
}

export const hugePages: Filter = {
  fault: 'too few huge pages are free',
  applies: ({ hardware }) => hardware !== undefined && hardware.page_size !== 'small',
  refuses: (_, claims, asked) => (freeMib(claims, asked) ?? asked.memory_mib) < asked.memory_mib,
  why: (_, claims, asked) =>
    `needs ${asked.memory_mib} MiB in huge pages${typeof asked.hardware?.page_size === 'number' ? ` of ${asked.hardware.page_size} KiB` : ''}, ${freeMib(claims, asked) ?? 0} are free`,
}
