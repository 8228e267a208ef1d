/** The guest's NUMA nodes fit onto the host's, with CPUs of their own, pages and devices: all at once. Last, as it costs most. */
import type { Filter } from '../filter.ts'
import { fitOnce } from '../hardware-fit.ts'

export const numa: Filter = {
  fault: 'CPUs, memory and devices do not fit onto its NUMA nodes',
  applies: ({ hardware }) => (hardware?.cells.length ?? 0) > 0,
  refuses: (_, { hardware: host }, { hardware: asked }) =>
    !host || (asked !== undefined && fitOnce(host, asked).why !== undefined),
  why: (_, { hardware: host }, { hardware: asked }) => {
    if (!host || !asked) return 'has not told of its CPUs and NUMA nodes yet'
    return fitOnce(host, asked).why ?? ''
  },
}
