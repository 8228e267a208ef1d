/**
 * Guests' watchdogs that fired, from the word of it until it is known what came of it: a dump takes as long as the guest's memory takes to be
 * written, and the guest stands still for it. What is done then libvirt does; what follows for the instance is instance-plan.ts's.
 */
import type { Clock } from '../../lib/clock.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Domain, Hypervisor, Log } from '../ports.ts'
import type { Done } from './done.ts'

/** A guest that is to be dumped stands still this soon, or will not. */
const standsWithin_ms = 10_000

type Fired = NonNullable<Done['watchdog']>

export interface GuestWatchdogs {
  note(id: string): void
  /** Once what came of it is known: what is to be noted, given what was noted last. */
  fired(wanted: WantedInstance, domain: Domain | null): Promise<((last: Fired | null | undefined) => Fired) | null>
}

export function createGuestWatchdogs(options: {
  readonly hypervisor: Hypervisor
  readonly clock: Clock
  readonly log: Log
  readonly wakeAfter: (id: string, delay_ms: number) => void
}): GuestWatchdogs {
  const { hypervisor, clock, log } = options
  /** With when, for people and by the steady clock, and whether the guest has stood still since. */
  const news = new Map<string, { readonly at_ms: number; readonly heard_ms: number; stood: boolean }>()

  return {
    note: id => void news.set(id, { at_ms: clock.now_ms(), heard_ms: clock.steady_ms(), stood: false }),

    async fired({ id, watchdog_action: action }, domain) {
      const mine = news.get(id)
      if (mine === undefined || action === 'none') return null
      const { at_ms } = mine
      const dumps = action === 'dump'
      if (dumps && domain?.power === 'paused') {
        mine.stood = true
        return null
      }
      const dump_file = dumps && domain !== null ? ((await hypervisor.dumpOf?.(id, at_ms)) ?? null) : null
      // The word of it may be here before QEMU has stopped the guest.
      const left_ms = mine.heard_ms + standsWithin_ms - clock.steady_ms()
      if (dumps && dump_file === null && domain?.power === 'running' && !mine.stood && left_ms > 0) {
        options.wakeAfter(id, left_ms)
        return null
      }
      news.delete(id)
      const dump_failure =
        dumps && dump_file === null ? 'Its memory could not be written: see the log of libvirt on its host.' : null
      const fired_at = new Date(at_ms).toISOString()
      log.warn({ instance: id, action, dump_file }, "a guest's watchdog fired")
      return last => ({ fired_at, action, count: (last?.count ?? 0) + 1, dump_file, dump_failure })
    },
  }
}
