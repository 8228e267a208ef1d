/** A TCP line that can be cut as a network is: from then on neither end hears anything more of the other, not even that it has gone. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CuttableLine extends AsyncDisposable {
  readonly port: number
  /** Whoever comes from now on gets there. */
  lead(port: number): void
  cut(): void
}

/** To `port` of loopback. */
export async function cuttableLine(first_port: number): Promise<CuttableLine> {
  const sockets = new Set<Socket>()
  let is_cut = false
  let port = first_port
  const join = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.on('data', chunk => {
      if (is_cut) from.pause()
      else if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => is_cut || from.resume())
      }
    })
    from.on('error', () => undefined)
    from.on('end', () => is_cut || to.end())
    from.on('close', () => is_cut || to.destroy())
  }
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    join(near, far)
    join(far, near)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    lead(to) {
      port = to
    },
    cut() {
      is_cut = true
      for (const socket of sockets) socket.pause()
    },
    async [Symbol.asyncDispose]() {
      is_cut = true
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
