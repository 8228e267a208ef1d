/** Two connections made one: bytes both ways, each side's end told to the other; what ends one for good ends both. */
import type { Duplex } from 'node:stream'

/** `held`: what goes from `a` to `b` passes through it. */
export function splice(a: Duplex, b: Duplex, held?: Duplex): void {
  oneWay(a, b, held)
  oneWay(b, a)
}

function oneWay(from: Duplex, to: Duplex, held?: Duplex): void {
  if (held === undefined) from.pipe(to)
  else from.pipe(held).pipe(to)
  from.on('error', () => to.destroy())
  from.once('close', () => {
    // Nobody takes any more what `to` has still to say. Left open, its other end would wait for ever to be rid of it; but what came before
    // the end is to arrive.
    if (!from.readableEnded || to.writableFinished) to.destroy()
    else to.once('finish', () => to.destroy())
  })
}
