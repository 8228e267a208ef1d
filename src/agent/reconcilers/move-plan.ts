/**
 * Decides the next act of an instance's move on this host, from what is wanted, what was done of it, and what the hypervisor has.
 * Pure, as instance-plan.ts is, and asked before it: 'usual' says that the instance is this host's as any other. Carrying out is
 * moves.ts's job.
 *
 * What it must hold: of a guest one process runs, ever. So the target starts nothing; and once the target may have run it, the
 * source lets it go on here only after the target said that it never will there.
 */
import type { MigrationPhase } from '../../protocol/migration.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Domain } from '../ports.ts'
import type { Move } from './move.ts'

/** A half-come guest without a source: libvirt ends those by itself, soon. */
export const leftover_ms = 30_000
/** The other host is asked again after so long; libvirt's ways to an end are looked at as often. */
export const askAgain_ms = 3_000

export interface MoveSituation {
  readonly wanted: WantedInstance
  readonly move: Move | null
  readonly domain: Domain | null
  /** Source: it is being sent, or the target is being asked. */
  readonly busy: boolean
  /** Target: the source may come. */
  readonly expected: boolean
  /** Target: it is coming. */
  readonly coming: boolean
  /** Since when a half-come guest is here without anybody to end it. */
  readonly leftover_since_ms: number | null
  readonly steady_ms: number
}

export type MoveAct =
  | 'prepare'
  | 'expect'
  | 'take'
  | 'refuse'
  | 'define'
  | 'dismiss'
  | 'send'
  | 'cancel'
  | 'recover'
  | 'ask'
  | 'resume'
  | 'cut'
  | 'undefine'
  | 'remove'
  | 'forget'

export type MovePlan =
  /** instance-plan.ts decides; `phase` is told beside it. */
  | { readonly kind: 'usual'; readonly phase: MigrationPhase | null }
  | { readonly kind: 'act'; readonly act: MoveAct; readonly phase: MigrationPhase | null }
  /** To be noted first; then look again. */
  | { readonly kind: 'note'; readonly stage: Move['stage']; readonly reason: string | null }
  | {
      readonly kind: 'hold'
      readonly phase: MigrationPhase | null
      readonly again_ms: number | null
      /** A half-come guest is waited for. */
      readonly leftover?: true
    }

export const restarted =
  'The host’s agent was started anew while the instance was on its way; it goes on where it was. Try again.'
export const neverThere = 'The target host lost the guest before it ran there; it goes on where it was.'

export function planMove(at: MoveSituation): MovePlan {
  const { wanted, move, domain } = at
  if (domain !== null && !domain.ours) return { kind: 'usual', phase: null }
  if (wanted.migration === undefined) return move === null ? { kind: 'usual', phase: null } : conclude(at, move)
  const current = move !== null && move.migration_id === wanted.migration.id ? move : null
  switch (wanted.migration.step) {
    case 'prepare':
      return receive(at, current)
    case 'send':
    case 'cancel':
      return deliver(at, current)
    case 'leave':
    case 'discard':
      return vanish(at, current)
    default:
      return wanted.migration.step satisfies never
  }
}

function receive(at: MoveSituation, move: Move | null): MovePlan {
  const { domain } = at
  if (move === null || move.stage === 'left') {
    if (isAlive(domain)) return { kind: 'note', stage: 'failed', reason: runsAlready }
    return act('prepare', 'preparing')
  }
  switch (move.stage) {
    case 'preparing':
      return act('prepare', 'preparing')
    case 'ready':
      if (move.kind === 'live' && isAlive(domain)) return arriving(at, domain)
      // Its source has ended what it led, and waits: one that is still at it here has not noticed, and will.
      if (at.wanted.migration?.asked !== undefined && !at.coming) return act('refuse', 'ready')
      return at.expected ? hold('ready') : act('expect', 'ready')
    case 'refused':
      // By now the source may reach this host, and ask.
      return at.expected ? hold('ready') : act('expect', 'ready')
    case 'taking':
      if (isAlive(domain)) return arriving(at, domain)
      // It may have run here, and is gone: nowhere else it is as new as here.
      return at.coming ? hold('ready') : act('take', 'switched')
    case 'taken':
      if (move.kind === 'live' && !move.defined && isAlive(domain)) return act('define', 'switched')
      // The source may still have to ask.
      return at.expected ? hold('switched') : act('expect', 'switched')
    default:
      return hold('failed')
  }
}

/** A guest of the source has a process here. It is this host's when it runs in it, whole. */
function arriving(at: MoveSituation, domain: Domain): MovePlan {
  if (at.coming) return hold('ready')
  const runs = domain.power === 'running' && domain.moving === undefined
  // It ran here, so this is the one that counts; what is left of it is for the usual plan.
  if (runs || domain.moving === 'broken') return act('take', 'switched')
  const since_ms = at.leftover_since_ms
  if (since_ms !== null && at.steady_ms - since_ms >= leftover_ms && domain.power !== 'running')
    return act('cut', 'ready')
  return { kind: 'hold', phase: 'ready', again_ms: askAgain_ms, leftover: true }
}

function deliver(at: MoveSituation, move: Move | null): MovePlan {
  const { wanted, domain } = at
  const cancel = wanted.migration?.step === 'cancel'
  if (at.busy) return cancel ? act('cancel', 'sending') : hold('sending')
  if (move === null || move.stage === 'left') {
    // It is away already, by a move of which nothing is on disk here.
    if (domain?.moving !== undefined || domain?.off_reason === 'migrated') {
      return { kind: 'note', stage: 'handing_over', reason: null }
    }
    if (cancel) return { kind: 'note', stage: 'cancelled', reason: null }
    // What could not be started is tried again until the very moment at which it is to go: it may run by now.
    if (wanted.migration?.kind === 'cold' && isAlive(domain)) return { kind: 'note', stage: 'failed', reason: runsHere }
    return act('send', 'sending')
  }
  switch (move.stage) {
    case 'switched':
      return hold('switched')
    case 'cancelled':
      return { kind: 'usual', phase: 'cancelled' }
    case 'sending':
      if (domain?.moving === 'both' || domain?.moving === 'broken') return act('ask', 'sending')
      return act('recover', 'sending')
    case 'handing_over':
      // A guest that runs here was never let go: the target has not run it.
      if (domain?.power === 'running' && domain.moving === undefined) return act('recover', 'sending')
      return act('ask', 'sending')
    default:
      return { kind: 'usual', phase: 'failed' }
  }
}

function vanish(at: MoveSituation, move: Move | null): MovePlan {
  if (at.busy) return act('cancel', null)
  if (at.expected) return act('dismiss', null)
  if (isAlive(at.domain)) return act('cut', null)
  if (at.domain !== null) return act('undefine', null)
  return move?.stage === 'left' ? hold(null) : act('remove', null)
}

/** It is wanted here, and no move of it any more. */
function conclude(at: MoveSituation, move: Move): MovePlan {
  const { domain } = at
  if (at.busy) return act('cancel', null)
  if (move.role === 'target' && (move.stage === 'ready' || move.stage === 'taking' || move.stage === 'taken')) {
    const half = isAlive(domain) && domain.moving !== undefined && domain.moving !== 'broken'
    if (half) return { kind: 'hold', phase: null, again_ms: askAgain_ms }
    if (move.stage !== 'taken') return act('take', null)
    if (move.kind === 'live' && !move.defined && isAlive(domain)) return act('define', null)
  }
  if (at.expected) return act('dismiss', null)
  if (move.role === 'source' && move.stage === 'sending') return act('recover', null)
  // The controller knows that the other host is gone for good. Had the guest run there, it has written to the disks that both had, of
  // which what is in memory here knows nothing; with disks of its own it is as it was, and goes on.
  if (move.role === 'source' && move.stage === 'handing_over' && domain?.moving !== undefined) {
    const whole = domain.moving === 'paused' && move.shares_disks === false
    return act(whole ? 'resume' : 'cut', null)
  }
  if (move.role === 'source' && domain?.moving === 'paused') return act('resume', null)
  return act('forget', null)
}

const runsAlready = 'A guest of this instance runs on the target host already. Look at both hosts before you try again.'

const runsHere = 'The guest runs by now, and only what is off is moved cold. It goes on where it was.'

function isAlive(domain: Domain | null): domain is Domain {
  return domain !== null && domain.power !== 'off'
}

function act(what: MoveAct, phase: MigrationPhase | null): MovePlan {
  return { kind: 'act', act: what, phase }
}

function hold(phase: MigrationPhase | null): MovePlan {
  return { kind: 'hold', phase, again_ms: null }
}
