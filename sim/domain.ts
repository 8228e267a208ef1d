/** How a domain of a simulated host comes out of a move. */
import type { Domain } from '../src/agent/agent.ts'

/** What is off is in no move, as libvirt has it, whatever it was in. */
export function asOff({ moving: _, ...domain }: Domain, off_reason: NonNullable<Domain['off_reason']>): Domain {
  return { ...domain, power: 'off', off_reason }
}

/** It goes on, and is in no move any more. */
export function asRunning({ moving: _, ...domain }: Domain): Domain {
  return { ...domain, power: 'running', paused_reason: null }
}
