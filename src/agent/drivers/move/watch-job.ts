/**
 * Looks after one live move while libvirt performs it: tells how far it is, goes over to postcopy when its time has come, and
 * has libvirt abort it when it is given up, or the target's agent is gone. A guest that changes too much is allowed a longer pause.
 */
import { type DomainEvent, hasCode, type Libvirt } from '../../../lib/libvirt/index.ts'
import type { Clock, Timer } from '../../../lib/clock.ts'
import type { MigrationProgress } from '../../../protocol/migration.ts'
import type { Leaving, Log } from '../../ports.ts'
import type { Conversation } from './conversation.ts'
import { nextDowntime, type Pauses } from './downtime.ts'
import { progressOf } from './progress.ts'

/** libvirt tells nothing of a move's progress by itself but when it begins with the memory anew. */
const look_ms = 1000

export interface JobWatch {
  /** libvirt performs from now on. */
  begin(): void
  end(): void
  /** The target runs the guest, and takes the rest of its memory as it needs it: nothing can be taken back. */
  readonly postcopy: boolean
  readonly last: MigrationProgress | null
}

export function watchJob(options: {
  leaving: Leaving
  watch: Libvirt
  peer: Conversation
  pauses: Pauses
  clock: Clock
  log: Log
}): JobWatch {
  const { leaving, watch, peer, pauses, clock, log } = options
  const { migration, signal } = leaving
  const domain = { uuid: leaving.instance.id }
  const timers = new Set<Timer>()
  let last: MigrationProgress | null = null
  let postcopy = false
  let postcopy_due = false
  let over = true
  let downtime_ms = pauses.first_ms

  function after(delay_ms: number, run: () => void): void {
    const timer = clock.after(delay_ms, () => {
      timers.delete(timer)
      if (!over) run()
    })
    timers.add(timer)
  }

  function look(): void {
    pass()
      .catch((error: unknown) => log.debug({ error, instance: domain.uuid }, 'libvirt does not tell how far a move is'))
      .finally(() => {
        if (!over) after(look_ms, look)
      })
  }

  async function pass(): Promise<void> {
    const { job, values } = await watch.migration.jobStats(domain)
    if (over || job === 'none') return
    last = progressOf(values, postcopy)
    leaving.show(last)
    // Before there is memory under way QEMU does not take it.
    if (postcopy_due && !postcopy && last.memory_total_bytes > 0) await goOver()
    else if (!postcopy) await allowLonger(values['memory_iteration'])
  }

  async function allowLonger(iteration: unknown): Promise<void> {
    const next_ms = nextDowntime(downtime_ms, typeof iteration === 'number' ? iteration : 0, pauses)
    if (next_ms === downtime_ms) return
    const before_ms = downtime_ms
    downtime_ms = next_ms
    try {
      await watch.migration.setMaxDowntime(domain, next_ms)
    } catch (error) {
      downtime_ms = before_ms
      throw error
    }
  }

  /** Where each moment of a round counts; elsewhere a longer pause has time until somebody looks. */
  function hearOfRounds(): void {
    watch.on('event', heard)
    watch.subscribe('migration_iteration', domain).catch((error: unknown) => {
      log.debug({ error, instance: domain.uuid }, 'libvirt does not tell of rounds; they are looked for')
    })
  }

  function heard(event: DomainEvent): void {
    if (over || postcopy || event.kind !== 'migration_iteration') return
    allowLonger(event.iteration).catch((error: unknown) => {
      log.debug({ error, instance: domain.uuid }, 'libvirt takes no longer pause now; it is asked again')
    })
  }

  async function goOver(): Promise<void> {
    await leaving.handingOver()
    if (over) return
    const order = { do: 'outlive', migration: migration.id } as const
    peer.relay.order({ ...order, lasting: true })
    postcopy = true
    try {
      await watch.migration.startPostCopy(domain)
    } catch (error) {
      // Not in that phase yet: QEMU has refused, and nothing has changed.
      if (!hasCode(error, 'operation_invalid', 'internal_error')) throw error
      postcopy = false
      peer.relay.order({ ...order, lasting: false })
    }
  }

  function abort(): void {
    if (over || postcopy) return
    watch.migration.abortJob(domain).catch((error: unknown) => {
      // Between two phases there is none to abort; it is asked for again until it has ended.
      log.debug({ error, instance: domain.uuid }, 'libvirt does not abort the move now')
      after(look_ms / 4, abort)
    })
  }

  return {
    begin() {
      over = false
      if (pauses.forgets) hearOfRounds()
      look()
      signal.addEventListener('abort', abort, { once: true })
      peer.gone.addEventListener('abort', abort, { once: true })
      if (signal.aborted || peer.gone.aborted) abort()
      const { postcopy_after_s } = migration
      if (postcopy_after_s !== undefined) after(postcopy_after_s * 1000, () => (postcopy_due = true))
    },
    end() {
      over = true
      watch.off('event', heard)
      for (const timer of timers) timer.cancel()
    },
    get postcopy() {
      return postcopy
    },
    get last() {
      return last
    },
  }
}
