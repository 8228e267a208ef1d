/** How one operation stands. */
import { Alert, Card, CardBody } from '@patternfly/react-core'
import type { Operation } from '../../api/operation.ts'
import { UserName } from '../grant/names.tsx'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { OperationProgress, OperationThing } from './state.tsx'
import { Targets } from './targets.tsx'
import { words } from './text.ts'

const variants = {
  failed: 'danger',
  waiting: 'warning',
  cancelled: 'info',
  running: 'info',
  succeeded: 'success',
} as const

export default function OperationOverview({ item }: { item: Operation }) {
  const { targets, succeeded, failed, cancelled } = item
  // Of several things each has its own reason, in the table.
  const title =
    targets > 1 && item.ended_at !== null && item.state !== 'succeeded'
      ? words('targets.bad', { n: failed + cancelled, all: targets })
      : item.reason
  return (
    <div className="croft-stack">
      {title !== null && <Alert isInline variant={variants[item.state]} title={<Told text={title} />} />}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('thing'), <OperationThing key="thing" operation={item} />],
              [words('user'), <UserName key="user" id={item.user_id} />],
              item.ended_at === null && [words('progress'), <OperationProgress key="progress" operation={item} />],
              item.step !== null && [words('step'), item.step],
              targets > 0 && [words('targets'), words('targets.text', { n: targets, succeeded, failed, cancelled })],
              [words('created'), <Time key="created" at={item.created_at} seconds />],
              [words('ended'), <Time key="ended" at={item.ended_at} seconds />],
            ]}
          />
        </CardBody>
      </Card>
      {targets > 1 && <Targets operation={item} />}
    </div>
  )
}
