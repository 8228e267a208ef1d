/** Whether new instances come to a host, whatever room it has. As the scheduler's filters have it: not its job to decide it for them. */
import type { HostAvailability } from './host-state.ts'

export interface HostShown {
  readonly state: 'up' | 'unreachable'
  readonly availability: HostAvailability
  readonly schedulable: boolean
  readonly maintenance: object | null
  readonly cpu_missing: readonly string[] | null
}

/**
 * - 'yes', 'doubted': they do; the latter is not heard, or suspected, and holds its link all the same, by which alone the scheduler goes.
 * - 'maintenance', 'closed': not while it is emptied, or is not schedulable. 'silent': it holds no link. 'cpu': it lacks something of
 *   what instances of its cluster have.
 */
export type PlacingOn = 'yes' | 'doubted' | 'maintenance' | 'closed' | 'silent' | 'cpu'

/** What has been asked for by somebody comes before what has befallen it. */
export function placingOn({ state, availability, schedulable, maintenance, cpu_missing }: HostShown): PlacingOn {
  if (maintenance !== null) return 'maintenance'
  if (!schedulable) return 'closed'
  if (state !== 'up') return 'silent'
  if (cpu_missing !== null) return 'cpu'
  return availability === 'up' ? 'yes' : 'doubted'
}
