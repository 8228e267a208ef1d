/** One restart after a loss: why, from where to where, and what has come of it. */
import { Alert, Card, CardBody } from '@patternfly/react-core'
import type { HaRestart } from '../../api/ha-restart.ts'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { RestartedInstance } from './outcome.tsx'
import { words } from './text.ts'

export default function HaRestartOverview({ item }: { item: HaRestart }) {
  const { reason, failure, outcome } = item
  return (
    <div className="croft-stack">
      <Alert isInline variant="info" title={<Told text={reason} />} />
      {failure !== null && (
        <Alert isInline variant={outcome === null ? 'warning' : 'danger'} title={words('failure')}>
          <Told text={failure} />
        </Alert>
      )}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('instance'), <RestartedInstance key="instance" restart={item} />],
              [
                words('from'),
                <ThingLink key="from" noun="host" id={item.from_host_id}>
                  {item.from_host}
                </ThingLink>,
              ],
              [
                words('to'),
                <ThingLink key="to" noun="host" id={item.to_host_id}>
                  {item.to_host}
                </ThingLink>,
              ],
              [words('fenced'), words(`fenced.${item.fenced_by}`)],
              [words('lost'), <Time key="lost" at={item.lost_at} seconds />],
              [words('begun'), <Time key="begun" at={item.begun_at} seconds />],
              [words('ended'), <Time key="ended" at={item.ended_at} seconds />],
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}
