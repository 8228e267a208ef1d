/** Not the host that it is on, when it is to go elsewhere. */
import type { Filter } from '../filter.ts'

export const ownHost: Filter = {
  fault: 'where it is now',
  applies: asked => asked.around?.own_host_id !== undefined,
  refuses: (host, _, asked) => asked.around?.own_host_id === host.id,
  why: () => 'has it now',
}
