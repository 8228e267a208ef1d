/**
 * Where an instance belongs when hosts hold it otherwise than the database has it, which was restored from an older backup: pure. Only
 * what the hosts themselves agree about is settled by itself: the host that the database names says that it has it no longer, or is
 * sending it away, and another one was told that it is its own. All else is for an operator. docs/design/0016-restored.md has the
 * whole table.
 */
import { isMoving, type MigrationPhase } from './migration.ts'

export interface HeldBy {
  readonly host_id: string
  readonly kind: 'ahead' | 'orphaned' | 'elsewhere' | 'missing' | 'moving'
  /** What it was told last of how often the instance's host had changed. */
  readonly placement: number
  /** What it does of a move. */
  readonly step: string | null
  readonly migration_id: string | null
  /** With 'prepare': it has come. */
  readonly here: boolean
}

export interface Doubtful {
  readonly host_id: string
  readonly placement: number
  /** The host that the database names has said what it holds. */
  readonly is_linked: boolean
  readonly holds: readonly HeldBy[]
  /** Its open moves. */
  readonly moves: readonly {
    readonly id: string
    readonly phase: MigrationPhase
    readonly source_host_id: string
    readonly target_host_id: string
  }[]
}

/**
 * - 'give-up': the move under way to that host ended after the backup.
 * - 'follow': it is that host's, which knows of `placement` changes.
 * - 'resume': its host is sending it away, by a move that the database has lost, or lost a part of: it is taken up.
 * - 'clear': that host has what is left of an older time, and is told so.
 */
export type Settlement =
  | { readonly act: 'follow'; readonly host_id: string; readonly placement: number }
  | { readonly act: 'give-up'; readonly host_id: string }
  | { readonly act: 'resume'; readonly host_id: string }
  | { readonly act: 'clear'; readonly host_id: string; readonly step: 'leave' | 'discard' }

export function settlementOf(at: Doubtful): Settlement | null {
  const mine = at.holds.find(one => one.host_id === at.host_id)
  const others = at.holds.filter(one => one.kind === 'elsewhere')
  const claims = others
    .flatMap(one => {
      const placement = claimOf(one, mine)
      return placement === null || placement <= at.placement ? [] : [{ host_id: one.host_id, placement }]
    })
    .sort((a, b) => b.placement - a.placement)
  const [first, second] = claims
  const best = first && first.placement !== second?.placement ? first : undefined
  const move = at.moves.find(one => isMoving(one.phase))
  if (best) {
    if (mine?.kind === 'missing') return { act: 'follow', ...best }
    // The target of the very move that is under way says that it has ended well, as it would by a report.
    const arrived = move?.target_host_id === best.host_id && (move.phase === 'sending' || mine?.kind === 'moving')
    if (arrived) return { act: 'follow', ...best }
  }
  if (mine?.kind === 'moving') return { act: 'resume', host_id: at.host_id }
  if (mine?.kind === 'missing' || !at.is_linked) return null
  // Nobody has begun to send it, and the target knows that nobody will.
  const target = move && at.holds.find(one => one.host_id === move.target_host_id)
  if (target?.kind === 'missing' && move?.phase === 'preparing' && !mine)
    return { act: 'give-up', host_id: target.host_id }
  return leftOver(at, others)
}

/** The placement of which this host is the owner, by what it was told; null: it does not say that it is. */
function claimOf(hold: HeldBy, mine: HeldBy | undefined): number | null {
  if (hold.step !== 'prepare') return hold.placement
  // The other host was told to leave it to this one: so it had come.
  const handed = mine?.kind === 'missing' && mine.migration_id !== null && mine.migration_id === hold.migration_id
  return hold.here || handed ? hold.placement + 1 : null
}

/** Its host has it, and says so: what another one has of an older time may go. */
function leftOver({ placement, moves }: Doubtful, others: readonly HeldBy[]): Settlement | null {
  for (const { host_id, step, here, placement: known } of others) {
    const has_part = moves.some(one => one.source_host_id === host_id || one.target_host_id === host_id)
    if (has_part) continue
    if (step === 'prepare' && !here) return { act: 'clear', host_id, step: 'discard' }
    if (known < placement) return { act: 'clear', host_id, step: 'leave' }
  }
  return null
}
