/** What was restarted on another host, and what came of it. */
import type { HaRestart } from '../../api/ha-restart.ts'
import { words } from '../instance/restarts-text.ts'
import { ThingLink } from '../parts/link.tsx'
import { StateLabel } from '../parts/state.tsx'

const tones = { running: 'good', failed: 'bad', no_room: 'bad', given_up: 'off' } as const

export function RestartOutcome({ restart: { outcome, failure } }: { restart: HaRestart }) {
  const open = failure === null ? 'open' : 'late'
  return (
    <StateLabel tone={outcome ? tones[outcome] : open === 'late' ? 'bad' : 'busy'} why={failure}>
      {words(`outcome.${outcome ?? open}`)}
    </StateLabel>
  )
}

/** One that is gone for good has no page. */
export function RestartedInstance({ restart: { instance_id, instance } }: { restart: HaRestart }) {
  if (instance === null) return <span title={instance_id}>{instance_id.slice(-8)}</span>
  return (
    <ThingLink noun="instance" id={instance_id}>
      {instance}
    </ThingLink>
  )
}
