/** Only the host with the volume that it starts from. */
import type { Filter } from '../filter.ts'

export const volume: Filter = {
  fault: 'not where the volume is',
  applies: asked => asked.volume_host_id !== undefined,
  refuses: (host, _, asked) => asked.volume_host_id !== host.id,
  why: () => 'the volume that it starts from is on another host',
}
