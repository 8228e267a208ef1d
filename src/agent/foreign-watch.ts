/** Domains on this host that are not Croft's: shown to operators, and left alone. */
import type { AgentFrame } from '../protocol/messages.ts'
import type { Domain } from './ports.ts'

/** Domains that Croft did not make, told to the controller when they change. */
export function createForeignWatch(send: (frame: AgentFrame) => void) {
  let last: Extract<AgentFrame, { type: 'foreign' }> | null = null
  return {
    see(domains: readonly Domain[]): void {
      const seen = domains
        .filter(domain => !domain.ours)
        .map(({ id, name, power }) => ({ uuid: id, name, state: power }))
        .sort((a, b) => a.uuid.localeCompare(b.uuid))
      if (JSON.stringify(seen) === JSON.stringify(last?.domains)) return
      last = { type: 'foreign', domains: seen }
      send(last)
    },
    again(to: (frame: AgentFrame) => void): void {
      if (last !== null) to(last)
    },
  }
}
