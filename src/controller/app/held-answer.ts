/** Answers that are held back until there is news: whoever waits for an operator's yes hears it at once, and asks seldom. */
import type { Cloud } from '../cloud.ts'

/** As many are held back on one controller, and of one address. */
const held_max = 300
const held_of_address_max = 50
const held = new WeakMap<Cloud['database'], Map<string, number>>()

export interface Waiting {
  /** Where it is asked from. */
  address: string
  wait_s: number
  /** Nobody listens any more. */
  gone: AbortSignal
  /** On which news come. */
  channel: string
}

/** What `once` says; asked anew with each news while it is not `isFinal`, until `wait_s` is over. */
export async function heldAnswer<T>(
  { database, clock }: Pick<Cloud, 'database' | 'clock'>,
  { address, wait_s, gone, channel }: Waiting,
  once: () => Promise<T>,
  isFinal: (answer: T) => boolean,
): Promise<T> {
  const waiting = held.get(database) ?? new Map<string, number>()
  held.set(database, waiting)
  const of_address = waiting.get(address) ?? 0
  const sum = [...waiting.values()].reduce((all, one) => all + one, 0)
  if (wait_s <= 0 || sum >= held_max || of_address >= held_of_address_max) return await once()
  waiting.set(address, of_address + 1)
  const over = clock.steady_ms() + wait_s * 1000
  let news = Promise.withResolvers<void>()
  const wake = () => news.resolve()
  const stop = database.listen(channel, wake)
  gone.addEventListener('abort', wake)
  const timer = clock.after(wait_s * 1000, wake)
  try {
    for (;;) {
      const answer = await once()
      if (isFinal(answer) || gone.aborted || clock.steady_ms() >= over) return answer
      await news.promise
      news = Promise.withResolvers<void>()
    }
  } finally {
    timer.cancel()
    gone.removeEventListener('abort', wake)
    stop()
    const left = (waiting.get(address) ?? 1) - 1
    if (left > 0) waiting.set(address, left)
    else waiting.delete(address)
  }
}
