/** A console with its bar: which kind, keys, paste, clipboard, size, full screen. Where it is shown is the caller's: tab, window, link. */
import { Alert, Button, Label, ToggleGroup, ToggleGroupItem, Tooltip } from '@patternfly/react-core'
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import { type ShownKind, shownKinds } from '../../model/console.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import './console.css'
import { KeysMenu } from './keys-menu.tsx'
import { PasteDialog } from './paste.tsx'
import { type Scale, scales } from './session.ts'
import { words } from './text.ts'
import { type ConsoleState, useConsole } from './use-console.ts'

export interface PanelProps {
  name: string
  kind: ShownKind
  /** Null: this kind and no other. */
  onKind: ((kind: ShownKind) => void) | null
  ask: (kind: ShownKind, signal: AbortSignal) => Promise<ConsoleTicket>
  /** What the list of viewers says about this one, once it is in it. */
  viewOnlyOf?: (ticket: ConsoleTicket | null) => boolean | undefined
  onTicket?: (ticket: ConsoleTicket | null) => void
  /** More in the bar, such as a window of its own. */
  extra?: ReactNode
  below?: ReactNode
}

const tones = { connecting: 'busy', open: 'good', reconnecting: 'warn', ended: 'off' } as const

export function ConsolePanel({ name, kind, onKind, ask, viewOnlyOf, onTicket, extra, below }: PanelProps) {
  const [scale, setScale] = useState<Scale>('fit')
  const [copied, setCopied] = useState('')
  const [pasting, setPasting] = useState(false)
  const label = words(kind === 'serial' ? 'serial.of' : 'screen.of', { name })
  const onClipboard = useCallback((text: string) => setCopied(text), [])
  const { place, state, ticket, session, again } = useConsole({ kind, label, scale, ask, onClipboard })
  const view_only = viewOnlyOf?.(ticket) ?? ticket?.view_only ?? false
  useEffect(() => session.current?.setViewOnly(view_only), [session, view_only, state])
  useEffect(() => onTicket?.(ticket), [onTicket, ticket])
  const usable = state.kind === 'open' && !view_only
  const whole = useRef<HTMLDivElement>(null)
  return (
    <div className="croft-console" ref={whole}>
      <div className="croft-console-bar">
        {onKind && (
          <Choice
            label={words('kind')}
            options={shownKinds.toReversed()}
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
        <KeysMenu kind={kind} isDisabled={!usable} onPress={keys => session.current?.press(keys)} />
        <Button variant="secondary" size="sm" isDisabled={!usable} onClick={() => setPasting(true)}>
          {words('paste')}
        </Button>
        {copied !== '' && (
          <Button variant="secondary" size="sm" onClick={() => void navigator.clipboard.writeText(copied)}>
            {words('clipboard.copy')}
          </Button>
        )}
        {kind === 'graphical' && (
          <Choice
            label={words('scale')}
            options={view_only ? scales.filter(one => one !== 'resize') : scales}
            chosen={scale}
            textOf={one => words(`scale.${one}`)}
            onChoose={setScale}
          />
        )}
        <FullScreenButton of={() => whole.current} />
        {extra}
      </div>
      <div className="croft-console-frame">
        <div className="croft-console-place" ref={place} />
        <Veil state={state} onAgain={again} />
      </div>
      {below && <div className="croft-console-below croft-stack">{below}</div>}
      {pasting && (
        <PasteDialog
          kind={kind}
          session={session}
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
  onChoose,
}: {
  label: string
  options: readonly T[]
  chosen: T
  textOf: (one: T) => string
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
  return (
    <Button variant="secondary" size="sm" onClick={() => void toggle()}>
      {words(full ? 'full.leave' : 'full')}
    </Button>
  )
}

function Veil({ state, onAgain }: { state: ConsoleState; onAgain: () => void }) {
  if (state.kind === 'open') return null
  if (state.kind !== 'ended') return <div className="croft-console-veil">{words(state.kind)}…</div>
  return (
    <div className="croft-console-veil">
      {state.error ? (
        <ProblemAlert error={state.error} />
      ) : (
        <Alert variant="info" isInline title={words('ended.title')}>
          <p>{state.reason || words('ended.other')}</p>
        </Alert>
      )}
      <div>
        <Button onClick={onAgain}>{words('again')}</Button>
      </div>
    </div>
  )
}
