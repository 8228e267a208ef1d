/** Whether a host is one that somebody should look at, and why. Not its job: which hosts a list has (controller/store/host-asked.ts says the same in SQL). */
import type { HostAvailability } from './host-state.ts'

/** By the field of a host that tells of it; 'maintenance': something is in the way of it (maintenance.get). */
export const hostAttentions = [
  'availability',
  'foreign_domains',
  'disagreements',
  'other_hardware',
  'maintenance',
  'disbelieved',
] as const
export type HostAttention = (typeof hostAttentions)[number]

interface Linked {
  readonly state: 'up' | 'unreachable'
  readonly availability: HostAvailability
}

/** Nothing is heard of it, or too little: it may hold its link all the same. */
export function isAway({ state, availability }: Linked): boolean {
  return state !== 'up' || (availability !== 'up' && availability !== 'maintenance')
}

export interface AttentionSeen extends Linked {
  readonly foreign_domains: unknown
  readonly disagreements: readonly unknown[]
  readonly other_hardware: unknown
  readonly is_obstructed: boolean
  readonly disbelieved: readonly unknown[]
}

/** In the order of hostAttentions; empty: nobody needs to. */
export function attentionOf(host: AttentionSeen): HostAttention[] {
  const found: Record<HostAttention, boolean> = {
    availability: isAway(host),
    foreign_domains: Array.isArray(host.foreign_domains) && host.foreign_domains.length > 0,
    disagreements: host.disagreements.length > 0,
    other_hardware: host.other_hardware !== null,
    maintenance: host.is_obstructed,
    disbelieved: host.disbelieved.length > 0,
  }
  return hostAttentions.filter(one => found[one])
}
