/** The host that was asked for by its id, and no other. */
import type { Filter } from '../filter.ts'

export const askedHost: Filter = {
  fault: 'not the host that was asked for',
  applies: asked => asked.host_id !== null,
  refuses: (host, _, asked) => asked.host_id !== host.id,
  why: () => 'another host was asked for',
}
