/** Guests of a simulated host that hang, and what their watchdogs do about it, as QEMU and libvirt do (libvirt's domain XML, "watchdog"). */
import type { Domain, DomainSpec } from '../src/agent/agent.ts'
import type { Clock } from '../src/lib/clock.ts'
import { asOff } from './domain.ts'

type Action = DomainSpec['instance']['watchdog_action']

/** A guest's memory takes so long to be written. */
const dump_ms = 1000

export class HangingGuests {
  private readonly actions = new Map<string, Action>()
  private readonly dumps = new Map<string, string>()

  /** With this its definition was made. */
  defined({ instance: { id, watchdog_action } }: DomainSpec): void {
    this.actions.set(id, watchdog_action)
  }

  dumpOf(id: string): string | null {
    return this.dumps.get(id) ?? null
  }

  /** What its watchdog does when it hangs; null: it has none. */
  actionOf(id: string): Exclude<Action, 'none'> | null {
    const action = this.actions.get(id) ?? 'none'
    return action === 'none' ? null : action
  }

  /** Its watchdog does so, and `put` is told. */
  hang(domain: Domain, put: (domain: Domain) => void, clock: Clock): void {
    const action = this.actionOf(domain.id)
    const paused = { ...domain, power: 'paused' } as const
    if (action === 'reset') put(domain)
    // libvirt tells it from a crash as little as from any end of a process.
    if (action === 'poweroff') put(asOff(domain, 'crashed'))
    if (action === 'pause')
      put({ ...paused, paused_reason: 'The guest’s watchdog ran out and paused it. Start it again to go on.' })
    if (action === 'dump') {
      put(paused)
      clock.after(dump_ms, () => {
        this.dumps.set(domain.id, `/var/lib/libvirt/qemu/dump/${domain.id}`)
        put(domain)
      })
    }
  }
}
