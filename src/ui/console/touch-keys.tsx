/**
 * Keys for those who have none: a field that brings up the keyboard of a phone or tablet, what that one has not, and modifiers that stay down.
 * What is typed in the field goes to the guest, and does not stay in it.
 */
import { Button, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { ShownKind } from '../../model/console.ts'
import { modifiers, serialBytes, touchKeys } from './keys.ts'
import type { ConsoleSession } from './session.ts'
import { words } from './text.ts'

type Session = RefObject<ConsoleSession | null>

export function TouchKeys({ kind, session }: { kind: ShownKind; session: Session }) {
  const press = (key: string) => session.current?.press([key])
  const keys = kind === 'serial' ? touchKeys.filter(key => serialBytes([key]) !== null) : touchKeys
  return (
    <div className="croft-console-touch" role="group" aria-label={words('touch')}>
      <TypeHere session={session} />
      {kind === 'graphical' && <Modifiers session={session} />}
      {keys.map(key => (
        <Button
          key={key}
          variant="secondary"
          size="sm"
          aria-label={words('touch.press', { key })}
          onClick={() => press(key)}
        >
          {signs[key] ?? key}
        </Button>
      ))}
    </div>
  )
}

const signs: Readonly<Record<string, string>> = {
  Left: '←',
  Up: '↑',
  Down: '↓',
  Right: '→',
  Backspace: '⌫',
  Enter: '⏎',
}

/** Let go of when they go from the page: a key that nobody sees must not stay down. */
function Modifiers({ session }: { session: Session }) {
  const [held, setHeld] = useState<ReadonlySet<string>>(new Set())
  const now = useRef(held)
  now.current = held
  useEffect(() => {
    return () => {
      for (const key of now.current) session.current?.hold?.(key, false)
    }
  }, [session])
  const hold = (key: string, down: boolean) => {
    session.current?.hold?.(key, down)
    setHeld(before => new Set(down ? [...before, key] : [...before].filter(one => one !== key)))
  }
  return (
    <ToggleGroup aria-label={words('touch.hold')} isCompact>
      {modifiers.map(key => (
        <ToggleGroupItem
          key={key}
          buttonId={`hold-${key}`}
          text={key}
          isSelected={held.has(key)}
          onChange={(_, down) => hold(key, down)}
        />
      ))}
    </ToggleGroup>
  )
}

/** Keyboards on screens tell of texts and not of keys (W3C Input Events); what an input method is still composing, at its end. */
function TypeHere({ session }: { session: Session }) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const at = field.current
    return at ? hearTyping(at, session) : undefined
  }, [session])
  return (
    <input
      ref={field}
      className="croft-console-type"
      aria-label={words('touch.type')}
      placeholder={words('touch.type')}
      autoCapitalize="off"
      autoComplete="off"
      autoCorrect="off"
      spellCheck={false}
    />
  )
}

/** Returns how to stop. React's event for this is another, and tells nothing of what is deleted. */
function hearTyping(field: HTMLInputElement, session: Session): () => void {
  const stop = new AbortController()
  const { signal } = stop
  // Typing takes its time: what comes after it waits, so that all is in its order.
  let line: Promise<unknown> = Promise.resolve()
  const type = (text: string) => {
    line = line.then(() => session.current?.type(text, signal))
  }
  const press = (key: string) => {
    line = line.then(() => session.current?.press([key]))
  }
  const before = (event: InputEvent) => {
    if (event.isComposing) return
    event.preventDefault()
    if (event.inputType.startsWith('deleteContentBackward')) press('Backspace')
    else if (event.data) type(event.data)
  }
  const fill = () => {
    field.value = kept
  }
  const empty = () => {
    field.value = ''
  }
  const composed = (event: CompositionEvent) => {
    type(event.data)
    fill()
  }
  const pressed = (event: KeyboardEvent) => {
    const key = event.key.replace(/^Arrow/, '').replace('Escape', 'Esc')
    // Tab goes on through the page.
    if (!['Enter', 'Backspace', 'Esc', 'Left', 'Up', 'Down', 'Right'].includes(key)) return
    event.preventDefault()
    press(key)
  }
  field.addEventListener('focus', fill, { signal })
  field.addEventListener('blur', empty, { signal })
  field.addEventListener('beforeinput', before, { signal })
  field.addEventListener('compositionend', composed, { signal })
  field.addEventListener('keydown', pressed, { signal })
  return () => stop.abort()
}

/** One thing to delete is there while one types: without it, Backspace on a screen's keyboard tells of nothing. */
const kept = '\u00a0'
