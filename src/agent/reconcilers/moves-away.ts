/** The source's acts of moves: sends, beside the passes, as that takes minutes; and finds out what became of it after a break. Part of moves.ts. */
import { randomUUID } from 'node:crypto'
import type { MigrationProgress } from '../../protocol/migration.ts'
import type { Standing } from '../../protocol/peer.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { type Domain, Failure, type ShowProgress } from '../ports.ts'
import type { MoveBook } from './move-book.ts'
import { askAgain_ms, neverThere, restarted } from './move-plan.ts'
import type { MoveOptions, Step } from './moves.ts'
import { saysNever } from './never-word.ts'

const stopWithin_ms = 5000

interface Sending {
  readonly abort: AbortController
  done: Promise<void>
  progress: MigrationProgress | null
}

export interface MovesAway {
  send(wanted: WantedInstance): Promise<Step>
  cancel(id: string): void
  recover(wanted: WantedInstance, domain: Domain | null): Promise<Step>
  ask(wanted: WantedInstance, domain: Domain | null, show: ShowProgress, signal: AbortSignal): Promise<Step>
  isBusy(id: string): boolean
  progressOf(id: string): MigrationProgress | null
  stop(): Promise<void>
}

export function createMovesAway(options: MoveOptions, book: MoveBook): MovesAway {
  const { hypervisor, clock, log, instances, mover } = options
  const sending = new Map<string, Sending>()

  async function send(wanted: WantedInstance): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined) return 'usual'
    if (mover === undefined) {
      await book.noteStage(wanted, 'failed', 'This host sends no instances to others.')
      return 'again'
    }
    await book.noteStage(wanted, 'sending')
    const abort = new AbortController()
    const entry: Sending = { abort, progress: null, done: Promise.resolve() }
    const lead = async () => {
      const sent = await mover.send({
        instance: wanted,
        migration,
        started_at: options.doneOf(id).started_at,
        signal: abort.signal,
        show(progress) {
          entry.progress = progress
          options.wake(id)
        },
        handingOver: () => book.noteStage(wanted, 'handing_over'),
      })
      if (sent.outcome === 'switched') {
        const move = book.of(wanted)
        if (move !== null)
          await book.note(id, { ...move, stage: 'switched', progress: sent.progress ?? entry.progress })
      } else if (sent.outcome === 'stayed') {
        const cancelled = abort.signal.aborted && instances.get(id)?.migration?.step === 'cancel'
        await book.noteStage(wanted, cancelled ? 'cancelled' : 'failed', sent.reason)
      } else log.warn({ instance: id, reason: sent.reason }, 'the target did not say what became of a guest; asking it')
    }
    sending.set(id, entry)
    entry.done = lead()
      .catch(error => log.error({ instance: id, error }, 'a move ended in a way that is not known; looking again'))
      .finally(() => {
        sending.delete(id)
        options.wake(id)
      })
    return 'rest'
  }

  /** An agent that was killed led it: whatever of that goes on is ended, and the guest goes on here. */
  async function recover(wanted: WantedInstance, domain: Domain | null): Promise<Step> {
    if (mover !== undefined && domain !== null && domain.power !== 'off') await mover.abort(wanted.id)
    const now = await hypervisor.look(wanted.id)
    if (now?.moving === 'both' || now?.moving === 'broken') {
      await book.noteStage(wanted, 'handing_over')
      return 'again'
    }
    if (now?.moving === 'paused') await hypervisor.resume(wanted.id)
    await book.noteStage(wanted, 'failed', restarted)
    return 'again'
  }

  /** By which name the target is asked by way of the controllers; on disk, so that the answer to it is known after a restart. */
  async function nameOfAsking(wanted: WantedInstance): Promise<string | null> {
    const move = book.of(wanted)
    if (move === null || move.asks !== undefined) return move?.asks ?? null
    const asks = randomUUID()
    await book.note(wanted.id, { ...move, asks })
    return asks
  }

  /** Both ways, as the controllers may reach the target when this host does not. Their word ends the pass that waits here for the other. */
  async function ask(
    wanted: WantedInstance,
    domain: Domain | null,
    show: ShowProgress,
    signal: AbortSignal,
  ): Promise<Step> {
    const { id, migration } = wanted
    if (migration === undefined || mover === undefined) return 'usual'
    const asks = await nameOfAsking(wanted)
    let standing: Standing = 'unsettled'
    if (asks !== null && saysNever(migration, asks)) standing = 'never'
    else {
      show('asking the new host', 0)
      try {
        standing = await until(signal, mover.ask(wanted, migration))
      } catch (error) {
        signal.throwIfAborted()
        log.warn(
          { instance: id, error },
          'the target of a move cannot be asked now; the guest stays paused here until it is, or answers by way of the controllers',
        )
      }
    }
    if (standing === 'here') {
      await book.noteStage(wanted, 'switched')
      return 'again'
    }
    if (standing === 'unsettled') {
      options.wakeAfter(id, askAgain_ms)
      return 'rest'
    }
    if (domain?.moving === 'paused') await hypervisor.resume(id)
    await book.noteStage(wanted, 'failed', neverThere)
    return 'again'
  }

  return {
    send,
    cancel(id) {
      sending.get(id)?.abort.abort(new Failure('The move was cancelled; the instance goes on where it was.'))
    },
    recover,
    ask,
    isBusy: id => sending.has(id),
    progressOf: id => sending.get(id)?.progress ?? null,
    async stop() {
      for (const { abort } of sending.values()) {
        abort.abort(
          new Failure('The host’s agent was stopped while the instance was on its way; it goes on where it was.'),
        )
      }
      const ends = [...sending.values()].map(({ done }) => done)
      await Promise.race([Promise.allSettled(ends), clock.sleep(stopWithin_ms)])
    },
  }
}

/** What `work` comes to; rejects at once when the signal aborts, and whatever comes of it then is nobody's. */
function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(signal.reason as Error)
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}
