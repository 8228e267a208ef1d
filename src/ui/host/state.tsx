/** A host's state: whether its agent is linked, whether it takes instances, whether something is to be settled. */
import type { Host } from '../../api/host.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { isAway } from '../../model/host-attention.ts'
import { words as maintenanceWords } from './maintenance-text.ts'
import { words } from './text.ts'

const tones: Record<Host['availability'], Tone> = {
  up: 'good',
  maintenance: 'good',
  late: 'warn',
  silent: 'bad',
  suspect: 'bad',
  dead: 'bad',
  fenced: 'off',
}

/** Of one that is linked, which is heard all the time, a time would be an old one as soon as the page has been open for a while. */
export function LastHeard({ host }: { host: Host }) {
  return isAway(host) ? <Time at={host.last_seen_at} seconds="recent" /> : <>{words('seen.now')}</>
}

export function HostStateLabel({ host: { availability, schedulable, maintenance, disagreements } }: { host: Host }) {
  // Of one that answers it is the maintenance that matters, and a list has room for one label.
  const alone = availability === 'maintenance' && maintenance !== null
  return (
    <>
      {!alone && (
        <StateLabel
          tone={tones[availability]}
          why={availability === 'up' ? null : words(`availability.${availability}.why`)}
        >
          {words(`availability.${availability}`)}
        </StateLabel>
      )}
      {maintenance && (
        <>
          {!alone && ' '}
          <StateLabel tone={maintenance.drained ? 'off' : 'busy'} why={maintenanceWords('label.why')}>
            {maintenanceWords(maintenance.drained ? 'label.drained' : 'label')}
          </StateLabel>
        </>
      )}
      {!schedulable && (
        <>
          {' '}
          <StateLabel tone="off" why={words('closed.why')}>
            {words('closed')}
          </StateLabel>
        </>
      )}
      {disagreements.length > 0 && (
        <>
          {' '}
          <StateLabel tone="warn" why={words('disagreements.why')}>
            {words('disagreements.n', { n: disagreements.length })}
          </StateLabel>
        </>
      )}
    </>
  )
}
