/** Not a host that has one of the instances from which it shall be apart. */
import type { Filter } from '../filter.ts'

export const differentHost: Filter = {
  fault: 'has an instance that it shall be apart from',
  remedy: 'leave out --different-from, or add a host',
  remedy_elsewhere: 'add a host to its zone',
  applies: asked => (asked.different_from?.length ?? 0) > 0,
  refuses: (host, _, asked) => asked.around?.different_hosts?.has(host.id) === true,
  why: () => 'has an instance from which it shall be apart',
}
