/** WebSockets of the public API: a viewer's console, joined to the socket that the instance's host has dialled. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { takeConsole } from '../app/instance-console.ts'
import type { Cloud } from '../cloud.ts'

const path = /^\/v1\/consoles\/([A-Za-z0-9_-]{43})$/
const frame_bytes_max = 1024 * 1024

/**
 * Answers upgrades on the API's server; anything that is not a console with a good ticket is refused. Returns what ends
 * all consoles: upgraded sockets are no longer the server's, which would wait for them for ever as it closes.
 */
export function serveConsoles(
  cloud: Cloud,
  server: { on(name: 'upgrade', listener: (...args: [IncomingMessage, Duplex, Buffer]) => void): unknown },
): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: frame_bytes_max })
  server.on('upgrade', (request, socket, head) => {
    // Node's server lets go of an upgraded socket: an error on it that nobody listens to would end the whole process.
    socket.on('error', error => cloud.log.debug({ err: error }, 'a viewer hung up'))
    const ticket = path.exec(request.url ?? '')?.[1]
    const opening = ticket ? takeConsole(cloud, ticket) : Promise.resolve(null)
    opening
      .then(host => {
        if (!host) return refuse(socket, '403 Forbidden')
        host.on('error', () => socket.destroy())
        // Also where the upgrade comes to nothing, or the viewer has gone while the host dialled.
        socket.once('close', () => host.close())
        if (socket.destroyed) return host.close()
        sockets.handleUpgrade(request, socket, head, viewer => join(viewer, host))
      })
      .catch(error => {
        cloud.log.warn({ err: error }, 'a console could not be opened')
        refuse(socket, '503 Service Unavailable')
      })
  })
  return () => {
    for (const viewer of sockets.clients) viewer.terminate()
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

const queued_bytes_max = 4 * 1024 * 1024

/** Bytes both ways until either end closes. A viewer too slow to read pauses the host's socket, not the controller. */
export function join(one: WebSocket, other: WebSocket): void {
  const carry = (from: WebSocket, to: WebSocket) => {
    from.on('message', (data, isBinary) => {
      to.send(data, { binary: isBinary }, () => from.resume())
      if (to.bufferedAmount > queued_bytes_max) from.pause()
    })
    from.once('close', () => to.close())
    from.on('error', () => to.close())
  }
  carry(one, other)
  carry(other, one)
}
