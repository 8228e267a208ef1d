/** What a console's panel notices by itself: that it was forgotten, that another try is worth it, that the guest keeps its size. */
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import type { Scale } from './session.ts'
import type { ConsoleState } from './use-console.ts'

/** How long a console that the controller has forgotten may go on seeming open: its socket's end, if it comes, says more. */
const forgotten_ms = 5000
/** How long a guest may take to follow. */
const follows_ms = 3000
/** QEMU's screens are as wide as a multiple of it. */
const rounded_px = 16

/** The controller ends who does not answer it, which a page without network does not hear of: it sees that it is listed no more. */
export function useForgotten(
  isOpen: boolean,
  ticket: ConsoleTicket | null,
  isListed: boolean,
  again: () => void,
): void {
  const known = useRef<string | null>(null)
  useEffect(() => {
    const id = ticket?.console_id ?? null
    if (isListed) known.current = id
    if (!isOpen || isListed || known.current === null || known.current !== id) return undefined
    const timer = window.setTimeout(again, forgotten_ms)
    return () => clearTimeout(timer)
  }, [isOpen, ticket, isListed, again])
}

/** What a host could not show of a guest that was just starting, it can when the guest runs. */
export function useWake(state: ConsoleState, wake: string | undefined, again: () => void): void {
  const seen = useRef(wake)
  const waits = state.kind === 'ended' && state.unavailable
  useEffect(() => {
    if (seen.current === wake) return
    seen.current = wake
    if (waits) again()
  }, [wake, waits, again])
}

/** A console ends with the session by which it was opened; who has signed in again finds it open. */
export function useRenewed(state: ConsoleState, renewed: unknown, again: () => void): void {
  const seen = useRef(renewed)
  const is_over = state.kind === 'ended'
  useEffect(() => {
    if (seen.current === renewed) return
    seen.current = renewed
    if (is_over) again()
  }, [renewed, is_over, again])
}

/** Whether the guest's screen is not as large as its place, a while after that was asked for. */
export function useKept(place: RefObject<HTMLElement | null>, scale: Scale, isOpen: boolean): boolean {
  const [kept, setKept] = useState(false)
  useEffect(() => {
    setKept(false)
    const canvas = place.current?.querySelector('canvas')
    if (scale !== 'resize' || !isOpen || !canvas) return undefined
    const look = () => {
      const { clientWidth = 0, clientHeight = 0 } = place.current ?? {}
      const off = Math.max(Math.abs(canvas.width - clientWidth), Math.abs(canvas.height - clientHeight))
      setKept(off > rounded_px)
    }
    let timer = window.setTimeout(look, follows_ms)
    const changes = new MutationObserver(() => {
      clearTimeout(timer)
      timer = window.setTimeout(look, follows_ms)
    })
    changes.observe(canvas, { attributeFilter: ['width', 'height'] })
    return () => {
      changes.disconnect()
      clearTimeout(timer)
    }
  }, [place, scale, isOpen])
  return kept
}
