/** So many hosts of a zone vanished at once that nothing is fenced: why, and how to go on. */
import { Alert } from '@patternfly/react-core'
import type { Zone } from '../../api/zone.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './storm-text.ts'

export function StormAlert({ zone: { id, name, storm } }: { zone: Zone }) {
  if (!storm) return null
  const { gone, hosts, overridden_at } = storm
  return (
    <Alert isInline variant={overridden_at ? 'warning' : 'danger'} title={words('title', { gone, hosts, name })}>
      <p>
        <Time at={storm.since} />
      </p>
      <p>{overridden_at ? words('overridden') : words('why')}</p>
      {!overridden_at && (
        <CallButton
          title={words('override')}
          label={`${words('override')}: ${name}`}
          route={routes.zone.override}
          input={{ params: { zone: id } }}
          confirm={{ title: words('override.title'), body: words('override.body', { gone }) }}
          danger
        />
      )}
    </Alert>
  )
}
