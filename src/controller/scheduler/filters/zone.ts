/** Only hosts in the zone that was asked for. */
import type { Filter } from '../filter.ts'

export const zone: Filter = {
  fault: 'in another zone',
  remedy: 'name another zone, or none',
  remedy_elsewhere: 'add a host to its zone',
  applies: asked => asked.zone_id !== null,
  refuses: (host, _, asked) => asked.zone_id !== host.zone_id,
  why: () => 'is in another zone',
}
