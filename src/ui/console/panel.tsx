/** A console with its bar: which kind, keys, paste, clipboard, size, full screen, keys to touch. Where it is shown is the caller's: tab, window, link. */
import { Alert, Button, Label, ToggleGroup, ToggleGroupItem, Tooltip } from '@patternfly/react-core'
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import { type ConsoleKind, type ShownKind, shownKinds } from '../../model/console.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { CopyButton } from './clipboard.tsx'
import './console.css'
import { KeysMenu } from './keys-menu.tsx'
import { PasteDialog } from './paste.tsx'
import { type Scale, scales } from './session.ts'
import { words } from './text.ts'
import { TouchKeys } from './touch-keys.tsx'
import { type ConsoleState, type TicketFor, useConsole } from './use-console.ts'

export interface PanelProps {
  name: string
  kind: ConsoleKind
  /** Null: this kind and no other. */
  onKind: ((kind: ConsoleKind) => void) | null
  /** There is SPICE, too. */
  has_spice?: boolean
  ask: (kind: ConsoleKind, asked: TicketFor) => Promise<ConsoleTicket>
  /** What the list of viewers says about this one, once it is in it. */
  viewOnlyOf?: (ticket: ConsoleTicket | null) => boolean | undefined
  onTicket?: (ticket: ConsoleTicket | null) => void
  /** Why a text cannot be put into the guest's clipboard; undefined: it can. */
  whyNoClipboard?: string
  /** When it changes, what the host could not show is worth another try: the instance's state. */
  wake?: string
  /** More in the bar, such as a window of its own. */
  extra?: ReactNode
  below?: ReactNode
}

/** How long a console that the controller has forgotten may go on seeming open: its socket's end, if it comes, says more. */
const forgotten_ms = 5000
const tones = { connecting: 'busy', open: 'good', reconnecting: 'warn', ended: 'off' } as const

export function ConsolePanel(props: PanelProps) {
  const { name, kind, onKind, has_spice = false, ask, viewOnlyOf, onTicket, whyNoClipboard, wake, extra, below } = props
  const [scale, setScale] = useState<Scale>('fit')
  const [copied, setCopied] = useState('')
  const [pasting, setPasting] = useState(false)
  const [touching, setTouching] = useState(() => matchMedia('(pointer: coarse)').matches)
  const label = words(kind === 'serial' ? 'serial.of' : 'screen.of', { name })
  const onClipboard = useCallback((text: string) => setCopied(text), [])
  const { place, state, ticket, session, again } = useConsole({ kind, label, scale, ask, onClipboard })
  const listed = viewOnlyOf?.(ticket)
  const view_only = listed ?? ticket?.view_only ?? false
  useForgotten(state.kind === 'open', ticket, listed !== undefined, again)
  useWake(state, wake, again)
  useEffect(() => session.current?.setViewOnly(view_only), [session, view_only, state])
  useEffect(() => onTicket?.(ticket), [onTicket, ticket])
  /** By both ways to a screen one does the same. */
  const manner: ShownKind = kind === 'serial' ? 'serial' : 'graphical'
  const usable = state.kind === 'open' && !view_only
  const whole = useRef<HTMLDivElement>(null)
  return (
    <div className="croft-console" ref={whole}>
      <div className="croft-console-bar">
        {onKind && (
          <Choice
            label={words('kind')}
            options={has_spice ? [...shownKinds.toReversed(), 'spice' as const] : shownKinds.toReversed()}
            chosen={kind}
            textOf={one => words(one)}
            onChoose={onKind}
          />
        )}
        <span className="croft-console-state" aria-live="polite">
          <StateLabel tone={tones[state.kind]}>{words(state.kind)}</StateLabel>{' '}
          {view_only && state.kind === 'open' && (
            <Tooltip content={words('view_only.why')}>
              <Label isCompact color="orange" tabIndex={0}>
                {words('view_only')}
              </Label>
            </Tooltip>
          )}
        </span>
        <KeysMenu kind={manner} isDisabled={!usable} onPress={keys => session.current?.press(keys)} />
        <Button variant="secondary" size="sm" isDisabled={!usable} onClick={() => setPasting(true)}>
          {words('paste')}
        </Button>
        {copied !== '' && <CopyButton text={copied} />}
        {manner === 'graphical' && (
          <Choice
            label={words('scale')}
            options={view_only ? scales.filter(one => one !== 'resize') : scales}
            chosen={scale}
            textOf={one => words(`scale.${one}`)}
            helpOf={one => (one === 'resize' ? words('scale.resize.help') : undefined)}
            onChoose={setScale}
          />
        )}
        {!view_only && (
          <Button
            variant={touching ? 'primary' : 'secondary'}
            size="sm"
            aria-pressed={touching}
            onClick={() => setTouching(!touching)}
          >
            {words('touch')}
          </Button>
        )}
        <FullScreenButton of={() => whole.current} />
        {extra && <span className="croft-console-acts croft-console-extra">{extra}</span>}
      </div>
      <div className="croft-console-frame">
        <div className="croft-console-place" ref={place} />
        <Veil state={state} onAgain={again} onSerial={kind !== 'serial' && onKind ? () => onKind('serial') : null} />
      </div>
      {touching && usable && <TouchKeys key={ticket?.console_id} kind={manner} session={session} />}
      {below && <div className="croft-console-below croft-stack">{below}</div>}
      {pasting && (
        <PasteDialog
          kind={manner}
          session={session}
          whyNoClipboard={whyNoClipboard}
          onClose={() => {
            setPasting(false)
            session.current?.focus()
          }}
        />
      )}
    </div>
  )
}

function Choice<T extends string>({
  label,
  options,
  chosen,
  textOf,
  helpOf,
  onChoose,
}: {
  label: string
  options: readonly T[]
  chosen: T
  textOf: (one: T) => string
  helpOf?: (one: T) => string | undefined
  onChoose: (one: T) => void
}) {
  return (
    <ToggleGroup aria-label={label} isCompact>
      {options.map(one => (
        <ToggleGroupItem
          key={one}
          buttonId={`console-${one}`}
          text={textOf(one)}
          isSelected={one === chosen}
          {...(helpOf?.(one) !== undefined && { title: helpOf(one) })}
          onChange={() => onChoose(one)}
        />
      ))}
    </ToggleGroup>
  )
}

/** Keys that the browser keeps for itself are the guest's in full screen, where the browser lets them (Keyboard Lock). */
function FullScreenButton({ of }: { of: () => HTMLElement | null }) {
  const [full, setFull] = useState(false)
  useEffect(() => {
    const changed = () => setFull(document.fullscreenElement !== null)
    document.addEventListener('fullscreenchange', changed)
    return () => document.removeEventListener('fullscreenchange', changed)
  }, [])
  const toggle = async () => {
    if (document.fullscreenElement) return await document.exitFullscreen()
    await of()?.requestFullscreen()
    const { keyboard } = navigator as Navigator & { keyboard?: { lock(): Promise<void> } }
    await keyboard?.lock().catch(() => undefined)
  }
  // Telephones of Apple have it for films alone.
  if (!document.fullscreenEnabled) return null
  return (
    <Button variant="secondary" size="sm" onClick={() => void toggle().catch(() => undefined)}>
      {words(full ? 'full.leave' : 'full')}
    </Button>
  )
}

/** The controller ends who does not answer it, which a page without network does not hear of: it sees that it is listed no more. */
function useForgotten(isOpen: boolean, ticket: ConsoleTicket | null, isListed: boolean, again: () => void): void {
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
function useWake(state: ConsoleState, wake: string | undefined, again: () => void): void {
  const seen = useRef(wake)
  const waits = state.kind === 'ended' && state.unavailable
  useEffect(() => {
    if (seen.current === wake) return
    seen.current = wake
    if (waits) again()
  }, [wake, waits, again])
}

function Veil({
  state,
  onAgain,
  onSerial,
}: {
  state: ConsoleState
  onAgain: () => void
  onSerial: (() => void) | null
}) {
  if (state.kind === 'open') return null
  if (state.kind !== 'ended') return <div className="croft-console-veil">{words(state.kind)}…</div>
  return (
    <div className="croft-console-veil">
      {state.error ? (
        <ProblemAlert error={state.error} />
      ) : (
        <Alert
          variant={state.unavailable ? 'warning' : 'info'}
          isInline
          title={words(state.unavailable ? 'ended.unavailable' : 'ended.title')}
        >
          <p>{state.reason || words('ended.other')}</p>
        </Alert>
      )}
      <div className="croft-console-acts">
        <Button onClick={onAgain}>{words('again')}</Button>
        {state.unavailable && onSerial && (
          <Button variant="secondary" onClick={onSerial}>
            {words('ended.serial')}
          </Button>
        )}
      </div>
    </div>
  )
}
