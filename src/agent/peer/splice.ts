/** Two connections made one: bytes both ways, each side's end told to the other; what breaks one breaks both. */
import type { Duplex } from 'node:stream'

export function splice(a: Duplex, b: Duplex): void {
  oneWay(a, b)
  oneWay(b, a)
}

function oneWay(from: Duplex, to: Duplex): void {
  from.pipe(to)
  from.on('error', () => to.destroy())
  from.once('close', () => {
    if (!from.readableEnded) to.destroy()
  })
}
