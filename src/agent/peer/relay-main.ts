/**
 * The relay: a process of its own beside the agent, through which all passes that goes from host to host while instances move, so
 * that the agent's own work is not in the way of gigabytes. Started by the agent, told by it what to let through, and gone with it:
 * that ends what passes here, and libvirt on both ends then ends the move.
 */
import { createDialler } from './relay-dial.ts'
import { createListener } from './relay-listen.ts'
import type { RelayOrder, RelayWord } from './relay-words.ts'

/** What one of the two ends does with an order; false when it is not one for it. */
export interface RelayEnd {
  obey(order: RelayOrder): boolean
  /** The agent has gone: only what is to outlive it goes on. */
  orphaned(): void
  /** How many streams pass now that are to. */
  readonly lasting: number
}

function tell(word: RelayWord): void {
  // An agent that died a moment ago is not heard of yet: 'disconnect' comes after what was to be said to it has failed. Without somebody to
  // take that failure it would end this process, and with it what is to outlive the agent.
  if (process.connected) process.send?.(word, undefined, undefined, () => undefined)
}

let end: RelayEnd | null = null

process.on('message', (order: RelayOrder) => {
  if (order.do === 'listen') end = createListener(order, tell)
  else if (order.do === 'dial') end = createDialler(order, tell)
  else end?.obey(order)
})
process.on('disconnect', () => {
  end?.orphaned()
  const leave = () => {
    if ((end?.lasting ?? 0) === 0) process.exit(0)
  }
  leave()
  setInterval(leave, 1000)
})
// The agent's service is stopped, or a terminal's ^C: the agent decides.
process.on('SIGTERM', () => undefined)
process.on('SIGINT', () => undefined)
