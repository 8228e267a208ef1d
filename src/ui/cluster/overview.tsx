/** A cluster: how far it is promised, how full it is, and its hosts. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Cluster } from '../../api/cluster.ts'
import type { Host } from '../../api/host.ts'
import { useChoices, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Bar } from '../host/bar.tsx'
import { HostStateLabel } from '../host/state.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn, To } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { CpuBaselineCard } from './baseline.tsx'
import { ClusterReserve } from './reserve.tsx'
import { words } from './text.ts'

const mib = (value: number) => size(value, 'MiB')
const gib = (value: number) => size(value, 'GiB')

export default function ClusterOverview({ item }: { item: Cluster }) {
  const { data, error } = useChoices<Host>(
    routes.host.list,
    { cluster_id: item.id, sort: 'name' },
    { follows: ['host', 'instance'] },
  )
  // Not summed up from the hosts below: there may be more than are shown, and some may share a pool.
  const params = { cluster: item.id }
  const whole = useRead(routes.cluster.get, { params }, { follows: ['cluster', 'host', 'instance'] }).data ?? item
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('zone'), <NameOf key="zone" noun="zone" id={item.zone_id} />],
              [words('cpu'), `${number(item.cpu_overcommit, 2)} ×`],
              [words('memory'), `${number(item.memory_overcommit, 2)} ×`],
              [words('hosts'), words('hosts.up', { n: whole.hosts, up: whole.hosts_up })],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      {whole.hosts > 0 && (
        <Card>
          <CardTitle component="h2">{words('capacity')}</CardTitle>
          <CardBody>
            <div className="croft-capacity">
              <Bar large title={words('vcpus')} used={whole.vcpus_claimed} limit={whole.vcpus_limit} show={number} />
              <Bar
                large
                title={words('ram')}
                used={whole.memory_claimed_mib}
                limit={whole.memory_limit_mib}
                show={mib}
              />
              <Bar large title={words('disk')} used={whole.disk_claimed_gib} limit={whole.disk_limit_gib} show={gib} />
            </div>
          </CardBody>
        </Card>
      )}
      <CpuBaselineCard item={item} />
      <ClusterReserve cluster={item} />
      <Card>
        <CardTitle component="h2">{words('hosts')}</CardTitle>
        <CardBody>
          <ProblemAlert error={error} />
          <SimpleTable
            label={words('hosts')}
            items={data?.items}
            keyOf={one => one.id}
            empty={words('hosts.none')}
            columns={[
              nameColumn('host', words('name')),
              { title: words('state'), cell: one => <HostStateLabel host={one} /> },
              { title: words('instances'), cell: one => number(one.instances), numeric: true },
              {
                title: words('vcpus'),
                cell: one => <Bar used={one.vcpus_claimed} limit={one.vcpus_limit} show={number} />,
              },
              {
                title: words('ram'),
                cell: one => <Bar used={one.memory_claimed_mib} limit={one.memory_limit_mib} show={mib} />,
              },
            ]}
          />
          {data?.next && (
            <p>
              <To to="/hosts" search={{ cluster_id: item.id }}>
                {words('hosts.all')}
              </To>
            </p>
          )}
        </CardBody>
      </Card>
    </div>
  )
}
