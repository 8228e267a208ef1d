/** A state as a word with a colour and a shape: never by colour alone. */
import { Tooltip } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import { useToldText } from './told.tsx'

export type Tone = 'good' | 'busy' | 'off' | 'warn' | 'bad'

const labels = {
  good: { color: 'pf-m-green', mark: '●' },
  busy: { color: 'pf-m-blue', mark: '◐' },
  off: { color: '', mark: '○' },
  warn: { color: 'pf-m-orange', mark: '▲' },
  bad: { color: 'pf-m-red', mark: '✕' },
} as const

export function StateLabel({ tone, children, why }: { tone: Tone; children: ReactNode; why?: string | null }) {
  const { color, mark } = labels[tone]
  // PatternFly's Label by its classes (tags.tsx brings the styles): as a component it measures itself as it is drawn, and listens to all
  // of the page's keys, which a list that scrolls has no time for.
  const label = (
    <span className={`pf-v6-c-label pf-m-filled pf-m-compact ${color} croft-state croft-state-${tone}`}>
      <span className="pf-v6-c-label__content">
        <span className="pf-v6-c-label__text">
          <span aria-hidden="true" className="croft-state-mark">
            {mark}
          </span>{' '}
          {children}
        </span>
      </span>
    </span>
  )
  return why ? <WithReason why={why}>{label}</WithReason> : label
}

function WithReason({ why, children }: { why: string; children: ReactNode }) {
  const told = useToldText(why)
  return (
    <Tooltip content={told}>
      <span tabIndex={0} role="note" aria-label={told}>
        {children}
      </span>
    </Tooltip>
  )
}
