/** A host that is not there: how it stands, why, and what other hosts found when they were asked. */
import { Alert } from '@patternfly/react-core'
import type { Host } from '../../api/host.ts'
import { apartFromStorm } from '../../model/host-state.ts'
import { ThingLink } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { HeldByStorm } from '../zone/storm.tsx'
import { words } from './fencing-text.ts'
import { words as hostWords } from './text.ts'

export function HostAbsence({ host }: { host: Host }) {
  const { availability, availability_reason, absence } = host
  const { why, in_storm } = apartFromStorm(availability_reason, host.zone)
  const variant = availability === 'maintenance' || availability === 'fenced' ? 'warning' : 'danger'
  return (
    <Alert isInline variant={variant} title={hostWords(`availability.${availability}`)}>
      {availability !== 'up' && (
        <p>
          <Told text={why || hostWords(`availability.${availability}.why`)} />
        </p>
      )}
      {in_storm && <HeldByStorm zone={host.zone} />}
      {absence && (
        <>
          <p>
            {words('since.at')} <Time at={absence.since} seconds />
          </p>
          {absence.lease_over_at && !absence.fenced_at && (
            <p>
              {words('lease_over')} <Time at={absence.lease_over_at} seconds />
            </p>
          )}
          {/* Of others it is a part of the reason. */}
          {absence.fence_failure && availability !== 'dead' && availability !== 'fenced' && (
            <p>
              {words('failure')}: <Told text={absence.fence_failure} />
            </p>
          )}
          <SimpleTable
            label={words('opinions')}
            items={absence.opinions}
            keyOf={one => one.host_id}
            empty={words('opinions.none')}
            columns={[
              {
                title: words('host'),
                cell: one => (
                  <ThingLink noun="host" id={one.host_id}>
                    {one.host}
                  </ThingLink>
                ),
              },
              { title: words('found'), cell: one => words(`reached.${one.reached ?? 'unknown'}`) },
              { title: words('at'), cell: one => <Time at={one.at} seconds /> },
            ]}
          />
        </>
      )}
    </Alert>
  )
}
