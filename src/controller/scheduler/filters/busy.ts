/** Not hosts that have enough to do for now: they send or receive as many as they may at once. */
import type { Filter } from '../filter.ts'

export const busy: Filter = {
  fault: 'busy with other migrations',
  remedy: 'wait until other migrations have ended',
  applies: asked => (asked.around?.busy?.size ?? 0) > 0,
  refuses: (host, _, asked) => asked.around?.busy?.has(host.id) === true,
  why: (host, _, asked) => asked.around?.busy?.get(host.id) ?? 'is busy with other migrations',
}
