/** What came of a restart on another host. */
import type { HaRestart } from '../../api/ha-restart.ts'
import { StateLabel } from '../parts/state.tsx'
import { words } from '../instance/restarts-text.ts'

const tones = { running: 'good', failed: 'bad', no_room: 'bad', given_up: 'off' } as const

export function RestartOutcome({ restart: { outcome, failure } }: { restart: HaRestart }) {
  const open = failure === null ? 'open' : 'late'
  return (
    <StateLabel tone={outcome ? tones[outcome] : open === 'late' ? 'bad' : 'busy'} why={failure}>
      {words(`outcome.${outcome ?? open}`)}
    </StateLabel>
  )
}
