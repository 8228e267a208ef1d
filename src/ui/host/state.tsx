/** A host's state: whether its agent is linked, whether it takes instances, whether something is to be settled. */
import type { Host } from '../../api/host.ts'
import { StateLabel } from '../parts/state.tsx'
import { words as maintenanceWords } from './maintenance-text.ts'
import { words } from './text.ts'

export function HostStateLabel({ host: { state, schedulable, maintenance, disagreements } }: { host: Host }) {
  return (
    <>
      <StateLabel tone={state === 'up' ? 'good' : 'bad'} why={state === 'up' ? null : words('state.unreachable.why')}>
        {words(`state.${state}`)}
      </StateLabel>
      {maintenance && (
        <>
          {' '}
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
