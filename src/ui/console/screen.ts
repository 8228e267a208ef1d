/** A graphical console in a place of the page: noVNC, over a socket of ours so that its reason to close is known. Loaded when needed. */
import RFB from '@novnc/novnc'
import { keyNamed, keyOf } from './keys.ts'
import { pictureOf } from './picture-of.ts'
import { type ConsoleAsked, type ConsoleSession, type Scale, socketUrl } from './session.ts'

/** QEMU takes a key every 10 ms and forgets what comes faster than it can take for long. */
const key_ms = 12

export function openScreen({ place, url, label, view_only, scale, events }: ConsoleAsked): ConsoleSession {
  const socket = new WebSocket(socketUrl(url), ['binary'])
  const rfb = new RFB(place, socket, { shared: true })
  // noVNC sets its own handlers as properties of the socket.
  let is_over = false
  socket.addEventListener('close', event => {
    is_over = true
    events.closed(event.code, event.reason)
  })
  rfb.addEventListener('connect', () => {
    place.querySelector('canvas')?.setAttribute('aria-label', label)
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
    rfb.scaleViewport = next === 'fit'
    rfb.resizeSession = next === 'resize'
    rfb.clipViewport = false
  }
  setScale(scale)
  return {
    async type(text, signal) {
      const shift = keyNamed('Shift')
      for (const character of text.replaceAll('\r\n', '\n')) {
        if (signal.aborted || socket.readyState !== socket.OPEN) return
        const key = keyOf(character)
        if (key.shift) rfb.sendKey(shift.keysym, shift.code, true)
        rfb.sendKey(key.keysym, key.code)
        if (key.shift) rfb.sendKey(shift.keysym, shift.code, false)
        await new Promise(resolve => setTimeout(resolve, (key.shift ? 4 : 2) * key_ms))
      }
    },
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
    setViewOnly: next => {
      rfb.viewOnly = next
    },
    offerClipboard: text => rfb.clipboardPasteFrom(text),
    still: () => ({ element: pictureOf(place), text: '' }),
    close() {
      // It has let go of everything as its socket closed.
      if (!is_over) rfb.disconnect()
    },
  }
}
