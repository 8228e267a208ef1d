/** A host's state: whether its agent is linked, whether it takes instances, whether something is to be settled. */
import type { Host } from '../../api/host.ts'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { words } from './text.ts'

const tones: Record<Host['availability'], Tone> = {
  up: 'good',
  maintenance: 'off',
  late: 'warn',
  silent: 'bad',
  suspect: 'bad',
  dead: 'bad',
  fenced: 'off',
}

export function HostStateLabel({ host: { availability, schedulable, disagreements } }: { host: Host }) {
  return (
    <>
      <StateLabel
        tone={tones[availability]}
        why={availability === 'up' ? null : words(`availability.${availability}.why`)}
      >
        {words(`availability.${availability}`)}
      </StateLabel>
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
