/**
 * How a move of an instance goes from step to step: pure. What each host is told follows from the phase; what a host says
 * leads to the next. The whole table, and who died when, is in docs/design/0009-moving.md.
 */

/**
 * 'preparing': the target makes ready. 'sending': the source leads it over. Until then the instance is the source's.
 * 'discarding': it stays there, and the target is cleared. 'leaving': it is the target's, and the source is cleared.
 */
export const migrationPhases = ['preparing', 'sending', 'discarding', 'leaving', 'ended'] as const
export type MigrationPhase = (typeof migrationPhases)[number]

/**
 * 'evacuation': its host was lost, and it starts anew elsewhere; the old host is cleared when it is back. 'retry': its host refused to
 * bring it up, and the next one tries; the first is cleared.
 */
export const migrationKinds = ['live', 'cold', 'evacuation', 'retry'] as const

export const migrationOutcomes = ['succeeded', 'failed', 'cancelled'] as const
export type MigrationOutcome = (typeof migrationOutcomes)[number]

export type MigrationSide = 'source' | 'target'

export interface MigrationState {
  readonly phase: MigrationPhase
  readonly cancel_asked: boolean
}

/** What a host is told to do of it, or null when it is told nothing of a migration (protocol/migration.ts has the words). */
export function stepFor(
  { phase, cancel_asked }: MigrationState,
  side: MigrationSide,
): 'prepare' | 'send' | 'cancel' | 'leave' | 'discard' | null {
  switch (phase) {
    case 'preparing':
      return side === 'target' ? 'prepare' : null
    case 'sending':
      if (side === 'target') return 'prepare'
      return cancel_asked ? 'cancel' : 'send'
    case 'discarding':
      return side === 'target' ? 'discard' : null
    case 'leaving':
      return side === 'source' ? 'leave' : null
    case 'ended':
      return null
    default:
      return phase satisfies never
  }
}

/** What of a host's report matters: what it has of the instance, and how far it is with this very migration. */
export interface MigrationSaid {
  readonly absent: boolean
  readonly phase: 'preparing' | 'ready' | 'sending' | 'switched' | 'failed' | 'cancelled' | null
}

/**
 * What follows from what a host says:
 * - 'send': the target listens, so the source may begin (or go on, at a new address).
 * - 'progress': only figures.
 * - 'switch': the instance is the target's from now on.
 * - 'give-up': it stays on the source; the target is cleared.
 * - 'ask-cancel': the target cannot go on. Only the source knows whether the guest has gone over, so it is asked.
 * - 'end': the host that was to be cleared has nothing of it left.
 */
export type MigrationNext = 'send' | 'progress' | 'switch' | 'give-up' | 'ask-cancel' | 'end' | null

export function nextOf(
  { phase }: Pick<MigrationState, 'phase'>,
  side: MigrationSide,
  said: MigrationSaid,
): MigrationNext {
  const over = said.phase === 'failed' || said.phase === 'cancelled'
  switch (phase) {
    case 'preparing':
      if (side === 'source') return null
      return said.phase === 'ready' ? 'send' : over ? 'give-up' : null
    case 'sending':
      if (said.phase === 'switched') return 'switch'
      if (side === 'source') return over ? 'give-up' : said.phase === 'sending' ? 'progress' : null
      return said.phase === 'ready' ? 'send' : over ? 'ask-cancel' : null
    case 'discarding':
      return side === 'target' && said.absent ? 'end' : null
    case 'leaving':
      return side === 'source' && said.absent ? 'end' : null
    case 'ended':
      return null
    default:
      return phase satisfies never
  }
}

/** What goes from one host of a move to the other by way of the controllers: what the source asks at its hand-over, and what the target answers. */
export interface Carried {
  readonly asks: string | null
  readonly never: string | null
}

/**
 * What is new of it with what a host says, or null. It is handed on as it came: the source alone judges whether it is the answer to what it
 * asks. Only while it is sent: before, there is nothing to ask about, and after, nobody waits.
 */
export function carriedOf(
  at: Carried & Pick<MigrationState, 'phase'>,
  side: MigrationSide,
  said: { readonly asks?: string; readonly never?: string },
): Carried | null {
  if (at.phase !== 'sending') return null
  if (side === 'source')
    return said.asks === undefined || said.asks === at.asks ? null : { asks: said.asks, never: null }
  if (said.never === undefined || said.never === at.never || at.asks === null) return null
  return { asks: at.asks, never: said.never }
}

/** Before it is decided where the instance stays. */
export function isMoving(phase: MigrationPhase): boolean {
  return phase === 'preparing' || phase === 'sending'
}

/** How much has gone over, of memory and disks; null while that is not known. */
export function percentOf(
  progress: Record<'memory_total_bytes' | 'memory_left_bytes' | 'disk_total_bytes' | 'disk_left_bytes', number> | null,
): number | null {
  if (!progress) return null
  const total = progress.memory_total_bytes + progress.disk_total_bytes
  const left = progress.memory_left_bytes + progress.disk_left_bytes
  return total === 0 ? 0 : Math.max(0, Math.min(99, Math.floor(((total - left) / total) * 100)))
}
