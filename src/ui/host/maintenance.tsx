/** A host in maintenance: how far it is emptied, what is on its way, and what is in the way. */
import { Alert, Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import type { Host } from '../../api/host.ts'
import type { Migration } from '../../api/migration.ts'
import { useChoices, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { MigrationBar, MigrationState } from '../migration/state.tsx'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number, Time } from '../parts/time.tsx'
import { words } from './maintenance-text.ts'

export default function HostMaintenance({ item }: { item: Host }) {
  const { data, error, isPending } = useRead(
    routes.maintenance.get,
    { params: { host: item.id } },
    { follows: ['host', 'migration'], enabled: item.maintenance !== null },
  )
  const moves = useChoices<Migration>(
    routes.migration.list,
    { host_id: item.id, open: true },
    { follows: ['migration'] },
  )
  if (item.maintenance === null) return <Alert isInline variant="info" title={words('none')} />
  if (isPending) return <Loading />
  if (!data) return <ProblemAlert error={error} />
  const all = data.moved + data.left
  return (
    <div className="croft-stack">
      <Alert
        isInline
        variant={data.state === 'drained' ? 'success' : data.obstacles.length > 0 ? 'warning' : 'info'}
        title={words(data.state)}
      >
        {words(`${data.state}.body`)}
      </Alert>
      <Card>
        <CardBody className="croft-stack">
          <Progress
            value={all === 0 ? 100 : Math.floor((100 * data.moved) / all)}
            aria-label={words('progress')}
            title={words('progress')}
          />
          <Facts
            facts={[
              [words('moved'), number(data.moved)],
              [words('moving'), number(data.moving)],
              [words('left'), number(data.left)],
              data.reason !== '' && [words('reason'), data.reason],
              [words('since'), <Time key="since" at={data.created_at} />],
              data.drained_at !== null && [words('drained_at'), <Time key="drained" at={data.drained_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('obstacles')}</CardTitle>
        <CardBody>
          <SimpleTable
            label={words('obstacles')}
            items={data.obstacles}
            keyOf={one => one.instance_id}
            empty={words('obstacles.none')}
            columns={[
              { title: words('instance'), cell: one => <Instance id={one.instance_id} name={one.instance} /> },
              { title: words('why'), cell: one => one.reason },
              { title: words('again'), cell: one => <Time at={one.again_at} seconds /> },
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('moves')}</CardTitle>
        <CardBody>
          <ProblemAlert error={moves.error} />
          <SimpleTable
            label={words('moves')}
            items={moves.data?.items}
            keyOf={one => one.id}
            empty={words('moves.none')}
            columns={[
              {
                title: words('instance'),
                cell: one => (
                  <ThingLink noun="migration" id={one.id}>
                    {one.instance}
                  </ThingLink>
                ),
              },
              { title: words('to'), cell: one => one.target_host },
              { title: words('state'), cell: one => <MigrationState migration={one} /> },
              { title: words('progress'), cell: one => <MigrationBar migration={one} /> },
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}

function Instance({ id, name }: { id: string; name: string }) {
  return (
    <ThingLink noun="instance" id={id}>
      {name}
    </ThingLink>
  )
}
