/** Not hosts that who asks has ruled out: one that was lost, one that has refused it before. */
import type { Filter } from '../filter.ts'

export const excluded: Filter = {
  fault: 'ruled out',
  applies: asked => (asked.around?.excluded?.size ?? 0) > 0,
  refuses: (host, _, asked) => asked.around?.excluded?.has(host.id) === true,
  why: (host, _, asked) => asked.around?.excluded?.get(host.id) ?? 'is ruled out',
}
