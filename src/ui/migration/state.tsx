/** How a migration stands, and how far it is. */
import { Progress } from '@patternfly/react-core'
import type { Migration } from '../../api/migration.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { words } from './text.ts'

function toneOf({ outcome, phase, waits_for }: Migration): Tone {
  if (outcome === 'failed') return 'bad'
  if (waits_for !== null) return 'warn'
  if (outcome === 'succeeded') return 'good'
  return outcome === 'cancelled' || phase === 'ended' ? 'off' : 'busy'
}

export function MigrationState({ migration }: { migration: Migration }) {
  const { phase, outcome, reason, waits_for, cancel_asked } = migration
  const text =
    phase === 'ended'
      ? words(`outcome.${outcome ?? 'failed'}`)
      : outcome === null && cancel_asked
        ? words('cancelling')
        : words(`phase.${phase}`)
  return (
    <StateLabel tone={toneOf(migration)} why={waits_for ?? reason}>
      {text}
    </StateLabel>
  )
}

export function MigrationBar({ migration: { percent, outcome } }: { migration: Migration }) {
  if (outcome !== null || percent === null) return <>–</>
  return <Progress value={percent} size="sm" measureLocation="outside" aria-label={words('progress')} />
}
