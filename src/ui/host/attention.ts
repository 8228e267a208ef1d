/** Whether a host is one that somebody should look at, as the API's filter `attention` has it: for a list that is open while the host changes. */
import type { Host } from '../../api/host.ts'
import { foreignOf } from './facts.ts'

/** Nothing is heard of it, or too little: it may hold its link all the same. */
export function isAway({ state, availability }: Pick<Host, 'state' | 'availability'>): boolean {
  return state !== 'up' || (availability !== 'up' && availability !== 'maintenance')
}

/** Null: it is in maintenance, and only the controller knows whether something is in the way there. */
export function needsAttention(host: Host): boolean | null {
  const certain =
    isAway(host) ||
    foreignOf(host).length > 0 ||
    host.other_hardware !== null ||
    host.disagreements.length > 0 ||
    host.disbelieved.length > 0
  if (certain) return true
  return host.maintenance === null ? false : null
}
