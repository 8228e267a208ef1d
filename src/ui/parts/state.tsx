/** A state as a word with a colour and a shape: never by colour alone. */
import { Label, Tooltip } from '@patternfly/react-core'
import type { ReactNode } from 'react'

export type Tone = 'good' | 'busy' | 'off' | 'warn' | 'bad'

const labels = {
  good: { color: 'green', mark: '●' },
  busy: { color: 'blue', mark: '◐' },
  off: { color: 'grey', mark: '○' },
  warn: { color: 'orange', mark: '▲' },
  bad: { color: 'red', mark: '✕' },
} as const

export function StateLabel({ tone, children, why }: { tone: Tone; children: ReactNode; why?: string | null }) {
  const { color, mark } = labels[tone]
  const label = (
    <Label color={color} isCompact variant="filled" className={`croft-state croft-state-${tone}`}>
      <span aria-hidden="true" className="croft-state-mark">
        {mark}
      </span>{' '}
      {children}
    </Label>
  )
  if (!why) return label
  return (
    <Tooltip content={why}>
      <span tabIndex={0} role="note" aria-label={why}>
        {label}
      </span>
    </Tooltip>
  )
}
