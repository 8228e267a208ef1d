/** What an operator looks at first: what is wrong, and how full each host is. */
import { Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import type { Cluster } from '../../api/cluster.ts'
import type { Host } from '../../api/host.ts'
import { useChoices, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { HostStateLabel } from '../host/state.tsx'
import { nameColumn, To } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number, size } from '../parts/time.tsx'
import { MaintenanceCard } from './maintenance-card.tsx'
import { words } from './text.ts'
import { Trouble } from './trouble.tsx'

const day_ms = 24 * 60 * 60 * 1000
const hosts_max = 1000
const clusters_max = 1000
const shown_max = 12

export default function OperatorCards() {
  const hosts = useChoices<Host>(
    routes.host.list,
    { sort: '-fullness_percent', limit: shown_max },
    { follows: ['host', 'instance'] },
  )
  // Of ten thousand hosts those that are odd, wherever in the list, and how many there are.
  const odd = useChoices<Host>(
    routes.host.list,
    { sort: 'name', limit: hosts_max, attention: true },
    { follows: ['host'] },
  )
  const clusters = useChoices<Cluster>(routes.cluster.list, { limit: clusters_max }, { follows: ['cluster', 'host'] })
  const failed = useRead(
    routes.operation.list,
    { query: { failed: true, all_projects: true, limit: 100 } },
    { follows: ['operation'] },
  )
  if (!hosts.data || !odd.data || !clusters.data || !failed.data) {
    const broken = [hosts, odd, clusters, failed].filter(one => one.error)
    const again = () => void Promise.all(broken.map(one => one.refetch()))
    return <ProblemAlert error={broken[0]?.error} onRetry={again} />
  }
  const since_ms = Date.now() - day_ms
  return (
    <>
      <Trouble
        hosts={odd.data.items}
        count={clusters.data.items.reduce((sum, one) => sum + one.hosts, 0)}
        failed={failed.data.items.filter(one => Date.parse(one.ended_at ?? one.created_at) > since_ms)}
      />
      <MaintenanceCard />
      {hosts.data.items.length > 0 && <HostCapacity hosts={hosts.data.items} />}
    </>
  )
}

const share = (used: number, limit: number) => (limit > 0 ? Math.min(100, (100 * used) / limit) : 0)

/** The fullest of all first, as the controller sorts them. */
function HostCapacity({ hosts }: { hosts: readonly Host[] }) {
  return (
    <Card className="croft-wide-card">
      <CardTitle component="h2">
        <div className="croft-card-head">
          {words('hosts')}
          <To to="/hosts" search={{ sort: '-fullness_percent' }}>
            {words('all')}
          </To>
        </div>
      </CardTitle>
      <CardBody>
        <SimpleTable
          label={words('hosts')}
          items={hosts}
          keyOf={one => one.id}
          empty=""
          columns={[
            nameColumn('host', words('host')),
            { title: words('state'), cell: one => <HostStateLabel host={one} /> },
            { title: words('instances'), numeric: true, cell: one => number(one.instances) },
            {
              title: words('resource.vcpus'),
              cell: one => (
                <Bar
                  name={`${one.name}: ${words('resource.vcpus')}`}
                  used={one.vcpus_claimed}
                  limit={one.vcpus_limit}
                  shown={number}
                />
              ),
            },
            {
              title: words('resource.memory_mib'),
              cell: one => (
                <Bar
                  name={`${one.name}: ${words('resource.memory_mib')}`}
                  used={one.memory_claimed_mib}
                  limit={one.memory_limit_mib}
                  shown={value => size(value, 'MiB')}
                />
              ),
            },
            {
              title: words('resource.storage_gib'),
              cell: one => (
                <Bar
                  name={`${one.name}: ${words('resource.storage_gib')}`}
                  used={one.disk_claimed_gib}
                  limit={one.disk_limit_gib}
                  shown={value => size(value, 'GiB')}
                />
              ),
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}

function Bar({
  name,
  used,
  limit,
  shown,
}: {
  name: string
  used: number
  limit: number
  shown(value: number): string
}) {
  return (
    <div className="croft-bar">
      <Progress
        size="sm"
        aria-label={name}
        value={share(used, limit)}
        measureLocation="none"
        {...(limit > 0 && used >= limit && { variant: 'warning' as const })}
      />
      <span className="croft-muted">{words('used', { used: shown(used), limit: shown(limit) })}</span>
    </div>
  )
}
