/**
 * Where moves have their relay processes from. After each of them one is kept ready for the next for a while: to start one takes 0.05 s, twice
 * in each move (source and target), and a host that is drained has one move after the other.
 */
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Relay } from './relay.ts'

/** A relay that waits takes some 45 MiB. */
export const spare_kept_ms = 30_000

export interface RelayStock {
  /** For the caller alone, who ends it. */
  take(): Relay
  /** A move has ended: another may follow. */
  restock(): void
  stop(): void
}

export function createRelayStock({ make, clock }: { make: () => Relay; clock: Clock }): RelayStock {
  let spare: Relay | null = null
  let timer: Timer | null = null
  let stopped = false

  /** What there was, now nobody's. */
  function taken(): Relay | null {
    const relay = spare
    timer?.cancel()
    spare = null
    return relay
  }

  return {
    take() {
      const kept = taken()
      return kept === null || kept.gone ? make() : kept
    },
    restock() {
      if (stopped) return
      const kept = taken()
      spare = kept === null || kept.gone ? make() : kept
      timer = clock.after(spare_kept_ms, () => taken()?.end())
    },
    stop() {
      stopped = true
      taken()?.end()
    },
  }
}
