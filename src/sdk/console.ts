/** A console's WebSocket, by a ticket. Apart from the client, so that only who opens one loads the WebSocket library. */
import { WebSocket } from 'ws'
import { ConnectionFailed } from './errors.ts'

export interface ConsoleOptions {
  ca_pem?: string
  signal?: AbortSignal
}

/** Resolves once it is open. `url` is the API's, with the ticket: http://…/v1/consoles/…; rejects with ConnectionFailed. */
export function openConsole(url: string, { ca_pem, signal }: ConsoleOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { ...(ca_pem !== undefined && { ca: ca_pem }) })
  const stop = () => socket.terminate()
  signal?.addEventListener('abort', stop, { once: true })
  socket.once('close', () => signal?.removeEventListener('abort', stop))
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      const why = error.message.includes('403') ? 'the ticket is not good, or was used already' : error.message
      reject(new ConnectionFailed(url, 'CONSOLE', `The console cannot be opened: ${why}.`, { cause: error }))
    }
    socket.once('error', failed)
    socket.once('open', () => {
      socket.off('error', failed)
      resolve(socket)
    })
  })
}
