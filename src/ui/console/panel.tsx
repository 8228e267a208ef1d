/** A console with its bar: which kind, keys, paste, clipboard, size, full screen, keys to touch. Where it is shown is the caller's: tab, window, link. */
import { Alert, Button, Label, Tooltip } from '@patternfly/react-core'
import { type ReactNode, useCallback, useEffect, useId, useRef, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import { type ConsoleKind, type ShownKind, shownKinds } from '../../model/console.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Choice, FullScreenButton } from './bar-parts.tsx'
import { CopyButton } from './clipboard.tsx'
import './console.css'
import { isFocusFree } from './focus.ts'
import { KeyboardChoice, useLayout } from './keyboard-choice.tsx'
import { KeysMenu } from './keys-menu.tsx'
import { layoutTitle } from './layouts.ts'
import { useLeaving } from './leaving.ts'
import { useForgotten, useKept, useRenewed, useWake } from './panel-state.ts'
import { PasteDialog, TypedNotice } from './paste.tsx'
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
  /** Why the guest's screen surely keeps its size; undefined: it may follow. */
  whyNoResize?: string | undefined
  /** When it changes, what the host could not show is worth another try: the instance's state. */
  wake?: string
  /** By what the person is signed in: another one each time. */
  renewed?: unknown
  /** More in the bar, such as a window of its own. */
  extra?: ReactNode
  below?: ReactNode
}

/** A dialog's focus goes back in its own time. */
const focus_ms = 50
const tones = { connecting: 'busy', open: 'good', reconnecting: 'warn', ended: 'off' } as const

export function ConsolePanel(props: PanelProps) {
  const { name, kind, onKind, has_spice = false, ask, viewOnlyOf, onTicket, wake, extra, below } = props
  const [scale, setScale] = useState<Scale>('fit')
  const [copied, setCopied] = useState('')
  const [pasting, setPasting] = useState(false)
  const [touching, setTouching] = useState(() => matchMedia('(pointer: coarse)').matches)
  const label = words(kind === 'serial' ? 'serial.of' : 'screen.of', { name })
  const onClipboard = useCallback((text: string) => setCopied(text), [])
  const layout = useLayout()
  const { place, state, typed, ticket, session, again } = useConsole({ kind, label, scale, layout, ask, onClipboard })
  const listed = viewOnlyOf?.(ticket)
  const view_only = listed ?? ticket?.view_only ?? false
  useForgotten(state.kind === 'open', ticket, listed !== undefined, again)
  useWake(state, wake, again)
  useRenewed(state, props.renewed, again)
  useEffect(() => session.current?.setViewOnly(view_only), [session, view_only, state])
  useEffect(() => onTicket?.(ticket), [onTicket, ticket])
  /** By both ways to a screen one does the same. */
  const manner: ShownKind = kind === 'serial' ? 'serial' : 'graphical'
  const usable = state.kind === 'open' && !view_only
  const kept = useKept(place, scale, state.kind === 'open')
  const whole = useRef<HTMLDivElement>(null)
  const frame = useRef<HTMLDivElement>(null)
  const bar = useRef<HTMLDivElement>(null)
  const leave = useCallback(() => bar.current?.querySelector<HTMLElement>('button, select')?.focus(), [])
  useLeaving(frame, leave)
  const leaving = useId()
  useEffect(() => place.current?.querySelector('canvas, textarea')?.setAttribute('aria-describedby', leaving))
  return (
    <div className="croft-console" ref={whole}>
      <div className="croft-console-bar" ref={bar}>
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
        {manner === 'graphical' && !view_only && <KeyboardChoice layout={layout} />}
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
      <div aria-live="polite">
        {manner === 'graphical' && !view_only && layout !== null && (
          <p className="croft-muted">{words('keyboard.hint', { layout: layoutTitle(layout) })}</p>
        )}
        {usable && <TypedNotice typed={typed} />}
        {manner === 'graphical' && kept && <p>{props.whyNoResize ?? words('scale.resize.kept')}</p>}
      </div>
      <div className="croft-console-frame" ref={frame}>
        <div className="croft-console-place" ref={place} />
        <Veil state={state} onAgain={again} onSerial={kind !== 'serial' && onKind ? () => onKind('serial') : null} />
      </div>
      <p className="croft-console-leave" id={leaving} hidden={!usable}>
        {words('leave')}
      </p>
      {touching && usable && <TouchKeys key={ticket?.console_id} kind={manner} session={session} />}
      {below && <div className="croft-console-below croft-stack">{below}</div>}
      {pasting && (
        <PasteDialog
          kind={manner}
          session={session}
          typed={typed}
          whyNoClipboard={props.whyNoClipboard}
          onClose={() => {
            setPasting(false)
            // Later than the dialog gives the focus back to its button.
            setTimeout(() => session.current?.focus(), focus_ms)
          }}
        />
      )}
    </div>
  )
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
  const veil = useRef<HTMLDivElement>(null)
  const acts = useRef<HTMLDivElement>(null)
  // By the keyboard one goes on from here: what had the focus is below the veil, or has gone.
  useEffect(() => {
    if (state.kind === 'ended' && isFocusFree(veil.current?.parentElement ?? null))
      acts.current?.querySelector('button')?.focus()
  }, [state])
  if (state.kind === 'open') return null
  if (state.kind !== 'ended') return <div className="croft-console-veil">{words(state.kind)}…</div>
  return (
    <div className="croft-console-veil" ref={veil}>
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
      <div className="croft-console-acts" ref={acts}>
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
