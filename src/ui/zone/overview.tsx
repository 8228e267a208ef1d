/** A zone and, for those who may see them, its clusters. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Cluster } from '../../api/cluster.ts'
import type { Zone } from '../../api/zone.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Bar } from '../host/bar.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { StormAlert } from './storm.tsx'
import { words } from './text.ts'

export default function ZoneOverview({ item }: { item: Zone }) {
  const session = useSession()
  return (
    <div className="croft-stack">
      {item.storm && <StormAlert zone={item} />}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('name'), item.name],
              [words('region'), <NameOf key="region" noun="region" id={item.region_id} />],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      {may(session, routes.cluster.list) && <Clusters zone={item} />}
    </div>
  )
}

function Clusters({ zone }: { zone: Zone }) {
  const query = { zone_id: zone.id, sort: 'name' }
  const { data, error } = useChoices<Cluster>(routes.cluster.list, query, { follows: ['cluster', 'host'] })
  return (
    <Card>
      <CardTitle component="h2">{words('clusters')}</CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        <SimpleTable
          label={words('clusters')}
          items={data?.items}
          keyOf={one => one.id}
          empty={words('clusters.none')}
          columns={[
            nameColumn('cluster', words('name')),
            { title: words('hosts'), cell: one => number(one.hosts), numeric: true },
            {
              title: words('vcpus'),
              cell: one => <Bar used={one.vcpus_claimed} limit={one.vcpus_limit} show={number} />,
            },
            {
              title: words('ram'),
              cell: one => (
                <Bar used={one.memory_claimed_mib} limit={one.memory_limit_mib} show={value => size(value, 'MiB')} />
              ),
            },
            { title: words('cpu'), cell: one => `${number(one.cpu_overcommit, 2)} ×`, numeric: true },
            { title: words('memory'), cell: one => `${number(one.memory_overcommit, 2)} ×`, numeric: true },
          ]}
        />
      </CardBody>
    </Card>
  )
}
