/** Of a console's bar: a choice of few, and the button for the full screen. */
import { Button, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import { words } from './text.ts'

export function Choice<T extends string>({
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
export function FullScreenButton({ of }: { of: () => HTMLElement | null }) {
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
