/** One restart after a loss: why, from where to where, and what has come of it. */
import { Alert, Card, CardBody } from '@patternfly/react-core'
import type { HaRestart } from '../../api/ha-restart.ts'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function HaRestartOverview({ item }: { item: HaRestart }) {
  const { reason, failure, outcome } = item
  return (
    <div className="croft-stack">
      <Alert isInline variant="info" title={reason} />
      {failure !== null && (
        <Alert isInline variant={outcome === null ? 'warning' : 'danger'} title={words('failure')}>
          {failure}
        </Alert>
      )}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('instance'), <NameOf key="instance" noun="instance" id={item.instance_id} />],
              [words('from'), <Host key="from" id={item.from_host_id} name={item.from_host} />],
              [words('to'), <Host key="to" id={item.to_host_id} name={item.to_host} />],
              [words('fenced'), words(`fenced.${item.fenced_by}`)],
              [words('lost'), <Time key="lost" at={item.lost_at} />],
              [words('begun'), <Time key="begun" at={item.begun_at} />],
              [words('ended'), <Time key="ended" at={item.ended_at} />],
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}

function Host({ id, name }: { id: string | null; name: string | null }) {
  return (
    <ThingLink noun="host" id={id}>
      {name ?? '–'}
    </ThingLink>
  )
}
