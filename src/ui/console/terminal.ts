/** A serial console in a place of the page: xterm.js over a socket. Loaded when needed. */
import { FitAddon } from '@xterm/addon-fit'
import type { Terminal } from '@xterm/xterm'
import type { TypedState } from '../../model/console.ts'
import { serialBytes } from './keys.ts'
import type { ConsoleAsked, ConsoleSession } from './session.ts'
import { lost_code, openSocket } from './socket.ts'
import { makeTerminal, openIn } from './xterm.ts'

/** So that the guest's line discipline keeps up. */
const piece_characters = 512

export function openTerminal({ place, url, label, view_only, before = '', events }: ConsoleAsked): ConsoleSession {
  const terminal = makeTerminal({
    scrollback: 10_000,
    disableStdin: view_only,
    cursorBlink: true,
    screenReaderMode: true,
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  openIn(terminal, place)
  terminal.textarea?.setAttribute('aria-label', label)
  fit.fit()
  if (before !== '') terminal.write(`${before}\r\n`)
  const sized = new ResizeObserver(() => fit.fit())
  sized.observe(place)
  let over = false
  const end = (code: number, reason: string) => {
    if (over) return
    over = true
    events.closed(code, reason)
  }
  const reading = new Reading()
  const typed = (state: TypedState) => {
    reading.is(state)
    events.typed(state)
  }
  const socket = openSocket(url, () => end(lost_code, ''), typed)
  const encoder = new TextEncoder()
  const send = (text: string) => {
    if (socket.readyState === socket.OPEN) socket.send(encoder.encode(text))
  }
  let only = view_only
  terminal.onData(text => {
    if (!only) send(text)
  })
  // Where the pointer is, in the old way of telling: bytes that are no text.
  terminal.onBinary(bytes => {
    if (!only && socket.readyState === socket.OPEN) socket.send(Uint8Array.from(bytes, one => one.charCodeAt(0)))
  })
  terminal.onSelectionChange(() => {
    const text = terminal.getSelection()
    if (text) events.clipboard(text)
  })
  socket.addEventListener('open', () => events.open())
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => terminal.write(new Uint8Array(data)))
  socket.addEventListener('close', event => end(event.code, event.reason))
  return {
    async type(text, signal) {
      const all = text.replaceAll(/\r\n|\n/g, '\r')
      for (let at = 0; at < all.length && !signal.aborted; at += piece_characters) {
        send(all.slice(at, at + piece_characters))
        await new Promise(resolve => setTimeout(resolve, 20))
        if ((await reading.again(signal)) === 'dropped') return
      }
    },
    press(keys) {
      const bytes = serialBytes(keys)
      if (bytes !== null) send(bytes)
    },
    focus: () => terminal.focus(),
    setScale: () => fit.fit(),
    setViewOnly(next) {
      only = next
      terminal.options.disableStdin = next
    },
    still: () => ({ element: place.cloneNode(true) as HTMLElement, text: textOf(terminal) }),
    close() {
      sized.disconnect()
      reading.is('taken')
      socket.close()
      terminal.dispose()
    },
  }
}

/** Whether the guest reads: a text is typed on once it does again. */
class Reading {
  #state: TypedState = 'taken'
  #news = Promise.withResolvers<void>()

  is(state: TypedState): void {
    this.#state = state
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  /** Until it does, or something of it was dropped, or the signal fires. */
  async again(signal: AbortSignal): Promise<TypedState> {
    const stopped = Promise.withResolvers<void>()
    const stop = () => stopped.resolve()
    signal.addEventListener('abort', stop)
    while (this.#state === 'waiting' && !signal.aborted) await Promise.race([this.#news.promise, stopped.promise])
    signal.removeEventListener('abort', stop)
    return this.#state
  }
}

/** All that is in its buffer, without the empty lines at its end. */
function textOf({ buffer: { active } }: Terminal): string {
  const lines = Array.from({ length: active.length }, (_, n) => active.getLine(n)?.translateToString(true) ?? '')
  return lines.join('\r\n').trimEnd()
}
