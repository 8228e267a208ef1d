/** What of a viewer's bytes reaches the guest: who only looks on is kept to that, and what is not the protocol goes nowhere. */
import type { Clock } from '../../lib/clock.ts'
import { RfbClient } from '../../lib/rfb.ts'
import { MalformedSpice, SpiceLink } from '../../lib/spice.ts'
import type { Taken } from '../app/console.ts'

/** What of a viewer's bytes goes on to the guest. `take` throws MalformedRfb or MalformedSpice. */
export interface Input {
  take(bytes: Buffer): Buffer
  /** Returns what the guest is told because of it. */
  setViewOnly(view_only: boolean): Buffer
}

const nothing = Buffer.alloc(0)

export function inputOf({ kind, view_only, viewer_id }: Taken['ticket'], clock: Clock): Input {
  if (kind === 'graphical') {
    const client = new RfbClient(view_only, clock)
    return { take: bytes => client.push(bytes), setViewOnly: next => client.setViewOnly(next) }
  }
  if (kind === 'spice') return spiceInput(viewer_id === null)
  let only = view_only
  return {
    take: bytes => (only ? nothing : bytes),
    setViewOnly(next) {
      only = next
      return nothing
    },
  }
}

/** Nobody only looks on by SPICE: a ticket for that is not made. */
function spiceInput(is_first: boolean): Input {
  const link = new SpiceLink()
  return {
    take(bytes) {
      const passed = link.push(bytes)
      // A session whose first connection is another viewer's would outlive it.
      if (link.channel !== null && (link.channel === 'main') !== is_first) {
        throw new MalformedSpice(`the channel ${link.channel} on a ticket for ${is_first ? 'main' : 'another'}`)
      }
      return passed
    },
    setViewOnly: () => nothing,
  }
}
