/** From libvirt's state of a domain, and its reason, to what the ports tell. Pure. */
import type { Domain, OffReason } from '../../ports.ts'

export function powerOf(
  state: string,
  reason: string,
): Pick<Domain, 'power' | 'off_reason' | 'paused_reason' | 'left_paused' | 'moving'> {
  switch (state) {
    case 'shutoff':
    case 'nostate':
      return { power: 'off', off_reason: offReason(reason), paused_reason: null }
    case 'crashed':
      return { power: 'crashed', off_reason: null, paused_reason: null }
    case 'paused':
      return {
        power: 'paused',
        off_reason: null,
        paused_reason: pausedReason(reason),
        left_paused: reason === 'starting_up' || reason === 'unknown',
        ...moving(reason),
      }
    case 'pmsuspended':
      return { power: 'paused', off_reason: null, paused_reason: pausedReason(reason) }
    default:
      return { power: 'running', off_reason: null, paused_reason: null, ...moving(reason) }
  }
}

function moving(reason: string): Pick<Domain, 'moving'> {
  if (reason === 'migration') return { moving: 'paused' }
  if (reason === 'postcopy') return { moving: 'both' }
  return reason === 'postcopy_failed' ? { moving: 'broken' } : {}
}

function offReason(reason: string): OffReason {
  switch (reason) {
    case 'shutdown':
      return 'guest'
    case 'destroyed':
      return 'cut'
    case 'crashed':
      return 'crashed'
    case 'failed':
      return 'failed'
    case 'migrated':
      return 'migrated'
    default:
      return 'unknown'
  }
}

function pausedReason(reason: string): string | null {
  if (reason === 'ioerror') {
    return 'The guest was paused because a disk could not be read or written; most likely the pool is full. Free some room and start it again.'
  }
  return reason === 'watchdog' ? 'The guest’s watchdog ran out and paused it. Start it again to go on.' : null
}
