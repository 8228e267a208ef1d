/** What was restarted elsewhere because its host was lost, and why: of an instance, or of a host; nothing where that never happened. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { HaRestart } from '../../api/ha-restart.ts'
import type { Host } from '../../api/host.ts'
import type { Instance } from '../../api/instance.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { RestartOutcome } from '../ha-restart/outcome.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './restarts-text.ts'

export function Restarts({ instance: { id } }: { instance: Instance }) {
  // Whom only single instances were given to does not see what befell their project's.
  const enabled = may(useSession(), routes['ha-restart'].list)
  const query = { instance_id: id, limit: 50 }
  const { data, error } = useRead(routes['ha-restart'].list, { query }, { follows: ['ha-restart'], enabled })
  if (!data) return <ProblemAlert error={error} />
  return <RestartCard title={words('title')} restarts={data.items} />
}

export function RestartsFrom({ host: { id } }: { host: Host }) {
  const session = useSession()
  const all = session.permissions.system.includes('instance.read')
  const query = { from_host_id: id, limit: 50, ...(all && { all_projects: true }) }
  const enabled = may(session, routes['ha-restart'].list)
  const { data, error } = useRead(routes['ha-restart'].list, { query }, { follows: ['ha-restart'], enabled })
  if (!data) return <ProblemAlert error={error} />
  return <RestartCard title={words('title.host')} restarts={data.items} with_instances />
}

function RestartCard({
  title,
  restarts,
  with_instances = false,
}: {
  title: string
  restarts: readonly HaRestart[]
  with_instances?: boolean
}) {
  if (restarts.length === 0) return null
  const instance = {
    title: words('instance'),
    cell: (one: HaRestart) => <NameOf noun="instance" id={one.instance_id} />,
  }
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <SimpleTable
          label={title}
          items={restarts}
          keyOf={one => one.id}
          empty=""
          columns={[
            ...(with_instances ? [instance] : []),
            { title: words('at'), cell: one => <Time at={one.begun_at} seconds /> },
            { title: words('reason'), cell: one => <Told text={one.reason} /> },
            {
              title: words('outcome'),
              cell: one => <RestartOutcome restart={one} />,
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}
