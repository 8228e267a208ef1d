/** A graphical console in a place of the page: noVNC, over a socket of ours so that its reason to close is known. Loaded when needed. */
import RFB from '@novnc/novnc'
import { keyNamed } from './keys.ts'
import { pictureOf } from './picture-of.ts'
import type { ConsoleAsked, ConsoleSession, Scale } from './session.ts'
import { lost_code, openSocket } from './socket.ts'
import { Typist } from './typist.ts'

export function openScreen({ place, url, label, view_only, scale, layout, events }: ConsoleAsked): ConsoleSession {
  const over = new AbortController()
  const end = (code: number, reason: string) => {
    if (over.signal.aborted) return
    over.abort()
    events.closed(code, reason)
  }
  const socket = openSocket(url, () => {
    rfb.disconnect()
    end(lost_code, '')
  })
  const rfb = new RFB(place, socket, { shared: true })
  // noVNC sets its own handlers as properties of the socket.
  socket.addEventListener('close', event => end(event.code, event.reason))
  const typist = new Typist((code, down, keysym) => rfb.sendKey(keysym, code, down), navigator.platform)
  typist.layout = layout
  hearKeys(place, typist, over.signal)
  rfb.addEventListener('connect', () => {
    const canvas = place.querySelector('canvas')
    canvas?.setAttribute('aria-label', label)
    // Who left it by the keyboard comes back by it.
    if (canvas) canvas.tabIndex = 0
    events.open()
  })
  rfb.addEventListener('securityfailure', () => socket.close())
  rfb.addEventListener('clipboard', event => {
    const { detail } = event as CustomEvent<{ text: string }>
    events.clipboard(detail.text)
  })
  rfb.viewOnly = view_only
  rfb.focusOnClick = true
  rfb.background = 'transparent'
  const setScale = (next: Scale) => {
    // While the guest does not follow, and where it cannot, it is all to be seen.
    rfb.scaleViewport = next !== 'native'
    rfb.resizeSession = next === 'resize'
    rfb.clipViewport = false
  }
  setScale(scale)
  return {
    type: (text, signal, keyboard) => typist.type(text, AbortSignal.any([signal, over.signal]), keyboard),
    press(keys) {
      const all = keys.map(keyNamed)
      for (const { keysym, code } of all) rfb.sendKey(keysym, code, true)
      for (const { keysym, code } of all.toReversed()) rfb.sendKey(keysym, code, false)
    },
    hold(key, down) {
      const { keysym, code } = keyNamed(key)
      rfb.sendKey(keysym, code, down)
    },
    focus: () => rfb.focus(),
    setScale,
    setLayout: next => {
      typist.layout = next
    },
    setViewOnly: next => {
      rfb.viewOnly = next
    },
    offerClipboard: text => rfb.clipboardPasteFrom(text),
    still: () => ({ element: pictureOf(place), text: '' }),
    close() {
      // It has let go of everything as its socket closed.
      if (!over.signal.aborted) rfb.disconnect()
    },
  }
}

/** Before noVNC hears of them. Of keys that are down as the screen loses the focus it would never hear the end. */
function hearKeys(place: HTMLElement, typist: Typist, signal: AbortSignal): void {
  const down = new Map<string, KeyboardEventInit>()
  const hear = (event: KeyboardEvent) => {
    const { type, key, code, isTrusted } = event
    if (type === 'keyup') down.delete(code)
    else if (isTrusted) down.set(code, { key, code })
    if (!typist.hear(event)) return
    event.preventDefault()
    event.stopPropagation()
  }
  const options = { signal, capture: true }
  place.addEventListener('keydown', hear, options)
  place.addEventListener('keyup', hear, options)
  place.addEventListener(
    'focusout',
    ({ target }) => {
      for (const key of [...down.values()]) target?.dispatchEvent(new KeyboardEvent('keyup', key))
      typist.forget()
    },
    { signal },
  )
}
