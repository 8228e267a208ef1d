/** A console's WebSocket, by a ticket. Apart from the client, so that only who opens one loads the WebSocket library. */
import { WebSocket } from 'ws'
import { consoleProtocol } from '../model/console.ts'
import { ConnectionFailed } from './errors.ts'

export interface ConsoleOptions {
  ca_pem?: string
  signal?: AbortSignal
  /** Offers the subprotocol that has the controller say things beside the bytes (model/console.ts): then what comes as text is no byte of the guest's. */
  hears?: boolean
}

/** Resolves once it is open. `url` is the API's, with the ticket: http://…/v1/consoles/…; rejects with ConnectionFailed. */
export function openConsole(url: string, { ca_pem, signal, hears }: ConsoleOptions = {}): Promise<WebSocket> {
  const protocols = hears ? [consoleProtocol, 'binary'] : []
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { ...(ca_pem !== undefined && { ca: ca_pem }) })
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
      // How it ends is told by its close, which comes after.
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

export interface LineOptions {
  ask_every_ms?: number
  answer_ms?: number
}

/**
 * Asks whether the line lives, when nothing was heard for a while, and calls `dead` once when nothing comes back; the socket is gone then. A line that
 * died without a word, as a laptop's that went to another network, ends in no other way for many minutes. Ends with the socket.
 */
export function watchLine(
  socket: WebSocket,
  dead: () => void,
  { ask_every_ms = 15_000, answer_ms = 10_000 }: LineOptions = {},
): void {
  let timer: NodeJS.Timeout
  const late = () => {
    dead()
    socket.terminate()
  }
  const ask = () => {
    socket.ping()
    timer = setTimeout(late, answer_ms)
  }
  const heard = () => {
    clearTimeout(timer)
    timer = setTimeout(ask, ask_every_ms)
  }
  for (const said of ['message', 'ping', 'pong'] as const) socket.on(said, heard)
  socket.once('close', () => clearTimeout(timer))
  timer = setTimeout(ask, ask_every_ms)
}
