/** What an operator looks at first: what is wrong, and how full each host is. */
import { Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import type { Cluster } from '../../api/cluster.ts'
import type { Host } from '../../api/host.ts'
import type { Operation } from '../../api/operation.ts'
import { useChoices, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { OperationTable } from '../operation/table.tsx'
import { nameColumn, ThingLink, To } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { MaintenanceCard } from './maintenance-card.tsx'
import { words } from './text.ts'

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

const foreignOf = ({ foreign_domains }: Host) => (Array.isArray(foreign_domains) ? foreign_domains.length : 0)

function Trouble({ hosts, count, failed }: { hosts: readonly Host[]; count: number; failed: readonly Operation[] }) {
  const silent = hosts.filter(one => one.state !== 'up')
  const foreign = hosts.filter(one => foreignOf(one) > 0)
  const differing = hosts.filter(one => one.disagreements.length > 0)
  const disbelieved = hosts.filter(one => one.disbelieved.length > 0)
  const calm = silent.length + foreign.length + differing.length + disbelieved.length + failed.length === 0
  return (
    <Card className="croft-wide-card">
      <CardTitle component="h2">{words('health')}</CardTitle>
      <CardBody className="croft-stack">
        {calm && (
          <div>
            <StateLabel tone={count === 0 ? 'off' : 'good'}>{words('health.calm', { n: count })}</StateLabel>
          </div>
        )}
        {silent.length > 0 && (
          <Named tone="bad" title={words('health.silent', { n: silent.length })} hosts={silent} detail={lastSeen} />
        )}
        {differing.length > 0 && (
          <Named
            tone="bad"
            title={words('health.disagreements', { n: differing.length })}
            hosts={differing}
            detail={one => number(one.disagreements.length)}
          />
        )}
        {disbelieved.length > 0 && (
          <Named
            tone="warn"
            title={words('health.disbelieved', { n: disbelieved.length })}
            hosts={disbelieved}
            detail={one => number(one.disbelieved.length)}
          />
        )}
        {foreign.length > 0 && (
          <Named
            tone="warn"
            title={words('health.foreign', { n: foreign.length })}
            hosts={foreign}
            detail={one => number(foreignOf(one))}
          />
        )}
        {failed.length > 0 && (
          <div>
            <div className="croft-card-head">
              <StateLabel tone="bad">{words('health.failed', { n: failed.length })}</StateLabel>
              <To to="/operations" search={{ failed: 'true', all_projects: 'true' }}>
                {words('all')}
              </To>
            </div>
            <OperationTable
              label={words('health.failed', { n: failed.length })}
              operations={failed.slice(0, 5)}
              empty=""
              last={{ title: words('reason'), cell: one => one.reason ?? '–' }}
            />
          </div>
        )}
      </CardBody>
    </Card>
  )
}

const lastSeen = (one: Host) => <Time at={one.last_seen_at} />

function Named({
  tone,
  title,
  hosts,
  detail,
}: {
  tone: 'bad' | 'warn'
  title: string
  hosts: readonly Host[]
  detail(host: Host): React.ReactNode
}) {
  return (
    <div>
      <StateLabel tone={tone}>{title}</StateLabel>{' '}
      {hosts.slice(0, shown_max).map((one, n) => (
        <span key={one.id}>
          {n > 0 && ', '}
          <ThingLink noun="host" id={one.id}>
            {one.name}
          </ThingLink>{' '}
          <span className="croft-muted">({detail(one)})</span>
        </span>
      ))}
      {hosts.length > shown_max && ' …'}
    </div>
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
            {
              title: words('state'),
              cell: one => (
                <StateLabel tone={one.state === 'up' ? (one.schedulable ? 'good' : 'warn') : 'bad'}>
                  {words(one.state === 'up' ? (one.schedulable ? 'host.up' : 'host.drained') : 'host.silent')}
                </StateLabel>
              ),
            },
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
