/**
 * A console's WebSocket in the page. The controller finds out who is gone by pings, which a page does not hear of; so the page asks, too, and a line
 * on which nothing comes back is given up.
 */
import { consoleProtocol, type TypedState, typedStates } from '../../model/console.ts'

/** As a browser says that a line broke (RFC 6455, 7.1.5). */
export const lost_code = 1006

const ask_every_ms = 15_000
const answer_ms = 10_000

/**
 * `gone`: the line is dead. The socket's own end may be told much later, and is no news then.
 * `typed`: whether the guest reads what is typed.
 */
export function openSocket(url: string, gone: () => void, typed?: (state: TypedState) => void): WebSocket {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${url}`, [consoleProtocol, 'binary'])
  socket.binaryType = 'arraybuffer'
  let next = 0
  let late = 0
  const rest = () => {
    clearTimeout(next)
    clearTimeout(late)
  }
  const wait = () => {
    rest()
    next = window.setTimeout(ask, ask_every_ms)
  }
  const ask = () => {
    socket.send('ping')
    late = window.setTimeout(() => {
      rest()
      socket.close()
      gone()
    }, answer_ms)
  }
  socket.addEventListener('open', () => {
    // A controller of before would take it for something that is typed.
    if (socket.protocol === consoleProtocol) wait()
  })
  socket.addEventListener('message', event => {
    // Whatever comes shows that it lives: an answer may stand behind much of it.
    if (socket.protocol === consoleProtocol && socket.readyState === socket.OPEN) wait()
    // First to hear of it, and the last: what is text is not the guest's.
    if (typeof event.data !== 'string') return
    event.stopImmediatePropagation()
    const state = typedStates.find(one => one === event.data)
    if (state) typed?.(state)
  })
  socket.addEventListener('close', rest)
  return socket
}
