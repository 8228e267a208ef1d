/**
 * Keeps what guests say of themselves through their agents: asked when an agent appears, again soon while it has no address
 * yet, and then every few minutes. A guest may lie, hang or answer with floods: only a few are asked at one time, each with a
 * bound, on their own, and nothing else of this host waits for them.
 * Not its job: asking (drivers), and telling the controller (the instance reconciler's report).
 */
import type { Clock } from '../lib/clock.ts'
import { Away, type GuestFacts, type Hypervisor, type Log } from './ports.ts'
import { createLimiter, createWorker } from './reconcilers/worker.ts'

/** Guests asked at one time. With those whose password is being set it stays under libvirtd's five calls of a client. */
const asksMax = 2
export const againFirst_ms = 3_000
export const again_ms = 5 * 60_000
/** Guests that never answer are asked ever more seldom, so that others get their turn. */
export const silentAgain_ms = 60 * 60_000
/** A guest can open and close its channel as it likes; it is looked at this often at most. */
export const between_ms = 3_000

export interface SeenGuest extends GuestFacts {
  readonly agent: 'connected' | 'disconnected'
}

const nobody: SeenGuest = { agent: 'disconnected', addresses: [], os: null }

export interface GuestWatch {
  of(id: string): SeenGuest
  /** Its agent came or went, or it may have. */
  look(id: string): void
  /** The guest itself changed: that matters if its agent was there. */
  domainChanged(id: string): void
  stop(): void
}

export interface GuestWatchOptions {
  readonly hypervisor: Pick<Hypervisor, 'guestAgent' | 'guestFacts'>
  readonly clock: Clock
  readonly log: Log
  readonly instances: ReadonlyMap<string, unknown>
  /** What is known of it is not what it was. */
  changed(id: string): void
}

export function createGuestWatch({ hypervisor, clock, log, instances, changed }: GuestWatchOptions): GuestWatch {
  const seen = new Map<string, SeenGuest>()
  /** Answers in a row without an address, or none at all. */
  const vain = new Map<string, number>()
  const looked_ms = new Map<string, number>()
  const limit = createLimiter(asksMax)
  const stopped = Promise.withResolvers<null>()
  const worker = createWorker(clock, id => limit(() => Promise.race([pass(id), stopped.promise])).then(() => undefined))

  function note(id: string, guest: SeenGuest): void {
    const before = seen.get(id) ?? nobody
    if (guest === nobody) seen.delete(id)
    else seen.set(id, guest)
    if (JSON.stringify(before) !== JSON.stringify(guest)) changed(id)
  }

  async function pass(id: string): Promise<void> {
    if (!instances.has(id)) {
      seen.delete(id)
      vain.delete(id)
      looked_ms.delete(id)
      return
    }
    const steady_ms = clock.steady_ms()
    const early_ms = (looked_ms.get(id) ?? -Infinity) + between_ms - steady_ms
    if (early_ms > 0) return worker.wakeAfter(id, early_ms)
    looked_ms.set(id, steady_ms)
    const before = seen.get(id) ?? nobody
    try {
      if (!(await hypervisor.guestAgent(id))) {
        vain.delete(id)
        note(id, nobody)
        return
      }
      if (before.agent === 'disconnected') note(id, { ...nobody, agent: 'connected' })
      const facts = await hypervisor.guestFacts(id)
      note(id, { agent: 'connected', ...facts })
      again(id, facts.addresses.length === 0 ? againFirst_ms : again_ms, again_ms)
    } catch (error) {
      // Its return is an event after which every guest is looked at.
      if (error instanceof Away) return
      log.debug({ error, instance: id }, 'the guest agent does not answer')
      again(id, againFirst_ms, silentAgain_ms)
    }
  }

  /** After twice as long with each time in a row that gave nothing. */
  function again(id: string, first_ms: number, most_ms: number): void {
    const times = first_ms < most_ms ? (vain.get(id) ?? 0) : 0
    vain.set(id, first_ms < most_ms ? times + 1 : 0)
    worker.wakeAfter(id, Math.min(most_ms, first_ms * 2 ** Math.min(times, 20)))
  }

  return {
    of: id => seen.get(id) ?? nobody,
    look: worker.wake,
    domainChanged(id) {
      if (seen.has(id)) worker.wake(id)
    },
    stop() {
      // Those that are being asked are not waited for.
      stopped.resolve(null)
      void worker.stop()
    },
  }
}
