/**
 * One console of a page through its life: asks a ticket, opens it, and after the network or the guest's host was away asks another by
 * itself. Ends when somebody ended it, when it is not permitted, or when there is nothing to show.
 */
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import { type ConsoleKind, consoleClosed, type TypedState } from '../../model/console.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { isBusyBeside } from './focus.ts'
import type { LayoutId } from './layouts.ts'
import type { ConsoleAsked, ConsoleSession, Scale, Still } from './session.ts'

export type ConsoleState =
  | { kind: 'connecting' }
  | { kind: 'open' }
  | { kind: 'reconnecting' }
  /** `unavailable`: the host cannot show it, as `reason` says. */
  | { kind: 'ended'; reason: string; unavailable: boolean; error?: unknown }

/** What a ticket is asked with beside its kind. */
export interface TicketFor {
  signal: AbortSignal
  /** Of SPICE: a further connection of this viewer's. */
  viewer_id?: string
  /** Nobody asked for it: what was open broke off. */
  is_again?: boolean
}

/** Says why it is not opened again by itself, in a sentence. */
export class NotAgain extends Error {}

export interface ConsoleOptions {
  kind: ConsoleKind
  label: string
  scale: Scale
  /** The guest's keyboard; null: keys count by their places. */
  layout: LayoutId | null
  /** A new ticket each time. It must stay the same function from one drawing to the next. */
  ask: (kind: ConsoleKind, asked: TicketFor) => Promise<ConsoleTicket>
  onClipboard: (text: string) => void
}

export interface OpenConsole {
  place: RefObject<HTMLDivElement | null>
  state: ConsoleState
  /** Whether the guest reads what is typed. */
  typed: TypedState
  ticket: ConsoleTicket | null
  session: RefObject<ConsoleSession | null>
  again: () => void
}

/** As many requests as a browser may have lines to one server that died unheard wait so long in vain; after them, one that is just slow gets its time. */
const dead_lines_max = 6
const [ticket_ms, slow_ticket_ms] = [4000, 30_000]
const retry_ms = [300, 1000, 2000, 4000, 8000]

export function useConsole({ kind, label, scale, layout, ask, onClipboard }: ConsoleOptions): OpenConsole {
  const place = useRef<HTMLDivElement>(null)
  const session = useRef<ConsoleSession | null>(null)
  const [state, setState] = useState<ConsoleState>({ kind: 'connecting' })
  const [ticket, setTicket] = useState<ConsoleTicket | null>(null)
  const [typed, setTyped] = useState<TypedState>('taken')
  const [round, setRound] = useState(0)
  const shown = useRef({ scale, layout, onClipboard, label })
  useEffect(() => {
    shown.current = { scale, layout, onClipboard, label }
    session.current?.setScale(scale)
    session.current?.setLayout?.(layout)
  })
  useEffect(() => {
    const stop = new AbortController()
    let timer = 0
    let failures = 0
    let late = 0
    let is_again = false
    let still: Still | null = null
    const over = (reason: string, { unavailable = false, error }: { unavailable?: boolean; error?: unknown } = {}) => {
      setState({ kind: 'ended', reason, unavailable, error })
    }
    const later = (at_once = false) => {
      is_again = true
      setState({ kind: 'reconnecting' })
      const wait_ms = at_once ? 0 : retry_ms[Math.min(failures++, retry_ms.length - 1)]
      timer = window.setTimeout(open, wait_ms)
    }
    /** It goes on on another host: what is on it stays to be seen until that shows it. */
    const keep = (ended: ConsoleSession) => {
      still?.element.remove()
      still = ended.still()
      still.element.classList.add('croft-console-still')
      still.element.setAttribute('aria-hidden', 'true')
      place.current?.parentElement?.append(still.element)
    }
    const open = async () => {
      timer = 0
      try {
        const patience = AbortSignal.timeout(late < dead_lines_max ? ticket_ms : slow_ticket_ms)
        const signal = AbortSignal.any([stop.signal, patience])
        const got = await ask(kind, { signal, is_again })
        const openSession = await loaders[kind]()
        const at = place.current
        if (stop.signal.aborted || !at) return
        at.replaceChildren()
        setTicket(got)
        const { view_only, url } = got
        const further = () => ask(kind, { signal: stop.signal, viewer_id: got.console_id })
        const asked = {
          place: at,
          url,
          view_only,
          scale: shown.current.scale,
          layout: shown.current.layout,
          label: shown.current.label,
          ...(still && { before: still.text }),
          events: {
            open() {
              failures = 0
              late = 0
              still?.element.remove()
              still = null
              setState({ kind: 'open' })
              setTyped('taken')
              if (!isBusyBeside(at.parentElement)) session.current?.focus()
            },
            typed: setTyped,
            clipboard: (text: string) => shown.current.onClipboard(text),
            closed(code: number, reason: string) {
              if (stop.signal.aborted) return
              if (code === consoleClosed.moved && session.current) keep(session.current)
              session.current?.close()
              session.current = null
              if (code === consoleClosed.moved) {
                is_again = true
                void open()
              } else if (final.has(code)) over(reason, { unavailable: code === consoleClosed.unavailable })
              else later()
            },
          },
        }
        session.current = openSession(asked, further)
      } catch (error) {
        if (stop.signal.aborted) return
        if (error instanceof NotAgain) return over(error.message)
        // What is not permitted now, or not there, is not so a second later either.
        if (error instanceof ApiProblem && error.status < 500) return over('', { error })
        const was_late = error instanceof DOMException && error.name === 'TimeoutError'
        if (was_late) late++
        later(was_late)
      }
    }
    setState({ kind: 'connecting' })
    void open()
    // Waits for its turn to try again: now is better.
    const online = () => {
      if (timer === 0) return
      clearTimeout(timer)
      failures = 0
      void open()
    }
    addEventListener('online', online)
    return () => {
      removeEventListener('online', online)
      stop.abort()
      clearTimeout(timer)
      session.current?.close()
      session.current = null
      still?.element.remove()
    }
  }, [kind, ask, round])
  const again = useCallback(() => setRound(n => n + 1), [])
  return { place, state, typed, ticket, session, again }
}

const final: ReadonlySet<number> = new Set([consoleClosed.ended, consoleClosed.malformed, consoleClosed.unavailable])

type Open = (asked: ConsoleAsked, further: () => Promise<ConsoleTicket>) => ConsoleSession

const loaders: Readonly<Record<ConsoleKind, () => Promise<Open>>> = {
  graphical: async () => (await import('./screen.ts')).openScreen,
  serial: async () => (await import('./terminal.ts')).openTerminal,
  spice: async () => (await import('./spice/screen.ts')).openSpice,
}
