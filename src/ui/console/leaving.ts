/**
 * A way out of a console by the keyboard, which is the guest's while it has the focus (WCAG 2.2, 2.1.2): Ctrl, Alt and Shift together and
 * let go of, with no other key between. The guest hears of them as of any other.
 */
import { type RefObject, useEffect } from 'react'

const together = ['Control', 'Alt', 'Shift'] as const

/** `leave` is called once all three are up again, so that none is left down in the guest. */
export function useLeaving(frame: RefObject<HTMLElement | null>, leave: () => void): void {
  useEffect(() => {
    const at = frame.current
    if (!at) return undefined
    const stop = new AbortController()
    const options = { signal: stop.signal, capture: true }
    let seen = new Set<string>()
    let alone = true
    const down = ({ key }: KeyboardEvent) => {
      // Alt with Shift is told as Meta by some systems.
      const name = key === 'Meta' && seen.has('Shift') ? 'Alt' : key
      if (together.some(one => one === name)) seen.add(name)
      else alone = false
    }
    const up = ({ ctrlKey, altKey, shiftKey, metaKey }: KeyboardEvent) => {
      if (ctrlKey || altKey || shiftKey || metaKey) return
      const is_sign = alone && seen.size === together.length
      seen = new Set()
      alone = true
      // After the console itself has heard of it.
      if (is_sign) setTimeout(leave)
    }
    at.addEventListener('keydown', down, options)
    at.addEventListener('keyup', up, options)
    return () => stop.abort()
  }, [frame, leave])
}
