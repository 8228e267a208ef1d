/**
 * Runs inside a network namespace (see sockets.ts) and hands sockets made there to its parent over the IPC channel.
 * It keeps no state and never reads from a socket: a socket belongs to the namespace it was made in for life, so after
 * the hand-over the parent uses it as its own.
 *
 * `listen`: makes one listening socket, hands it over, ends.
 * `dial`: connects as often as it is asked to, until the channel closes.
 */
import net from 'node:net'
import type { FromHelper, ToHelper } from './sockets.ts'

/** What `process.send` takes as a handle: a net.Server or net.Socket. */
type Handle = net.Server | net.Socket

function tell(message: FromHelper, handle?: Handle, done?: () => void): void {
  // keepOpen false: this process lets go of the socket once the parent has it.
  process.send?.(message, handle, { keepOpen: false }, () => done?.())
}

function failure(id: number, error: Error): FromHelper {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'EFAILED'
  return { id, kind: 'failed', code, message: error.message }
}

function listen(id: number, host: string, port: number): void {
  // Until the parent has the listening socket, this process may be the one that accepts: pass such guests on unread.
  const server = net.createServer({ pauseOnConnect: true }, socket => tell({ id, kind: 'accepted' }, socket))
  server.once('error', error => tell(failure(id, error), undefined, () => process.disconnect?.()))
  server.listen({ host, port }, () =>
    tell({ id, kind: 'listening' }, server, () => {
      server.close()
    }),
  )
}

function dial(id: number, host: string, port: number): void {
  const socket = net.connect({ host, port })
  // Paused before it connects, so that the first bytes of the other side are read by the parent and not lost here.
  socket.pause()
  const failed = (error: Error) => tell(failure(id, error))
  socket.once('error', failed)
  socket.once('connect', () => {
    socket.off('error', failed)
    tell({ id, kind: 'connected' }, socket)
  })
}

process.on('message', (message: ToHelper) => {
  if (message.kind === 'listen') listen(message.id, message.host, message.port)
  else if (message.kind === 'dial') dial(message.id, message.host, message.port)
  else process.disconnect?.()
})
tell({ id: 0, kind: 'ready' })
