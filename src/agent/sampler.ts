/**
 * Measures this host and its guests every so often, as the controller wants it, and sends what it found: one pass at a time, on
 * connections of its own, so that nothing waits for it. What cannot be sent or read is forgotten: the next pass has it.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import type { AgentFrame } from '../protocol/messages.ts'
import { packSample } from '../protocol/samples.ts'
import { Away, type Log, type SampleSource } from './ports.ts'
import type { WantedSet } from './wanted-set.ts'

interface Sampler {
  /** What is wanted of the host may have changed. */
  changed(): void
  stop(): void
}

export function createSampler(options: {
  samples?: SampleSource
  wanted: Pick<WantedSet, 'host' | 'instances'>
  clock: Clock
  log: Log
  connected(): boolean
  send(frame: AgentFrame): void
}): Sampler {
  const { samples, wanted, clock, log } = options
  let interval_ms = 0
  let timer: Timer | null = null
  let passing = false

  async function pass(source: SampleSource): Promise<void> {
    // Both at the same time, so that taken_ms is true of either.
    const [host, instances] = await Promise.all([tried(source.host()), tried(source.instances())])
    if (host === null && instances === null) return
    const ours = (instances ?? []).filter(one => wanted.instances.has(one.id))
    const sent = { type: 'samples', taken_ms: source.taken_ms(), host } as const
    if (!wanted.host?.packed_samples) return options.send({ ...sent, instances: ours })
    options.send({ ...sent, instances: [], packed: ours.map(packSample) })
  }

  async function tried<T>(reading: Promise<T>): Promise<T | null> {
    try {
      return await reading
    } catch (error) {
      if (!(error instanceof Away)) log.warn({ error }, 'a part of this host could not be measured')
      return null
    }
  }

  /** The next one is counted from the last one's beginning, so that a slow pass delays nothing but itself. */
  function next(delay_ms: number): void {
    timer?.cancel()
    timer = clock.after(delay_ms, () => {
      if (interval_ms === 0 || !samples) return
      next(interval_ms)
      if (passing || !options.connected()) return
      passing = true
      void pass(samples).finally(() => {
        passing = false
      })
    })
  }

  return {
    changed() {
      const wanted_ms = (wanted.host?.metrics_interval_s ?? 0) * 1000
      if (!samples || wanted_ms === interval_ms) return
      interval_ms = wanted_ms
      if (interval_ms > 0) next(Math.min(1000, interval_ms))
      else timer?.cancel()
    },
    stop() {
      interval_ms = 0
      timer?.cancel()
    },
  }
}
