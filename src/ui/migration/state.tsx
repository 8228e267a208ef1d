/** How a migration stands, and how far it is. */
import { Progress } from '@patternfly/react-core'
import type { Migration } from '../../api/migration.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { words } from './text.ts'

function toneOf({ kind, outcome, phase, waits_for }: Migration): Tone {
  if (outcome === 'failed') return 'bad'
  if (waits_for !== null) return 'warn'
  if (outcome === 'succeeded') return kind === 'retry' ? 'off' : 'good'
  return outcome === 'cancelled' || phase === 'ended' ? 'off' : 'busy'
}

export function MigrationState({ migration }: { migration: Migration }) {
  return (
    <StateLabel tone={toneOf(migration)} why={migration.waits_for ?? migration.reason}>
      {textOf(migration)}
    </StateLabel>
  )
}

function textOf({ kind, phase, outcome, cancel_asked }: Migration): string {
  // Nothing has moved: it never ran where it was.
  const retried = kind === 'retry' && outcome === 'succeeded'
  if (phase === 'ended') return words(retried ? 'outcome.retry' : `outcome.${outcome ?? 'failed'}`)
  if (outcome === null && cancel_asked) return words('cancelling')
  return words(retried ? 'phase.retry' : `phase.${phase}`)
}

export function MigrationBar({ migration: { percent, outcome } }: { migration: Migration }) {
  if (outcome !== null || percent === null) return <>–</>
  return <Progress value={percent} size="sm" measureLocation="outside" aria-label={words('progress')} />
}
