/** The host that was asked for by its id, and no other. */
import type { Filter } from '../filter.ts'

export const askedHost: Filter = {
  fault: 'not the host that was asked for',
  remedy: 'name another host, or none',
  applies: asked => asked.host_id !== null,
  refuses: (host, _, asked) => asked.host_id !== host.id,
  why: () => 'is not the host that was asked for',
}
