/** Asks a guest what a controller wants to know or have done there. Each guest is asked one thing at a time, as its agent answers. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Libvirt } from '../../../lib/libvirt/index.ts'
import type { GuestAnswer } from '../../../protocol/guest.ts'
import type { Hypervisor } from '../../ports.ts'
import { createLimiter } from '../../reconcilers/worker.ts'
import { readDetails, plainText } from './guest-details.ts'
import { readApplications, runInGuest, type Time } from './guest-exec.ts'
import { GuestSilence, type Talk, talkTo } from './guest-talk.ts'

type Run = Parameters<typeof talkTo>[1]

export function askGuest(
  run: Run,
  mayTouch: (libvirt: Libvirt, id: string) => Promise<boolean>,
): Hypervisor['askGuest'] {
  const turns = new Map<string, { count: number; take: ReturnType<typeof createLimiter> }>()

  /** libvirt would have one that is asked twice wait in one of its few workers. */
  async function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = turns.get(id) ?? { count: 0, take: createLimiter(1) }
    turns.set(id, turn)
    turn.count++
    try {
      return await turn.take(work)
    } finally {
      if (--turn.count === 0) turns.delete(id)
    }
  }

  return async (id, question, gone) => {
    const plain = talkTo(id, run, mayTouch)
    const talk: Talk = (command, args) =>
      inTurn(id, () => {
        gone.throwIfAborted()
        return plain(command, args)
      })
    const time: Time = {
      now_ms: () => performance.now(),
      sleep: delay_ms => delay(delay_ms, undefined, { signal: gone }),
    }
    try {
      switch (question.ask) {
        case 'details':
          return { outcome: 'details', details: await readDetails(talk) }
        case 'applications':
          return await readApplications(talk, time)
        case 'run':
          return await runInGuest(talk, question, time)
        default:
          throw question satisfies never
      }
    } catch (error) {
      return unanswered(error)
    }
  }
}

/** What it throws beside is of nobody who asks: their leaving, and faults of our own. */
function unanswered(error: unknown): GuestAnswer {
  if (!(error instanceof GuestSilence)) throw error
  const words = plainText(error.words)
  return { outcome: 'failed', why: error.why, ...(words && { words }) }
}
