/** What needs an operator: the hosts that the API itself says somebody should look at, what could not be restarted, and what failed. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import type { Host } from '../../api/host.ts'
import type { Operation } from '../../api/operation.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { isAway } from '../../model/host-attention.ts'
import { foreignOf } from '../host/facts.ts'
import { words as hostWords } from '../host/text.ts'
import { OperationTable } from '../operation/table.tsx'
import { ThingLink, To } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Told } from '../parts/told.tsx'
import { number, Time } from '../parts/time.tsx'
import { maintenanceAsked } from './maintenance-card.tsx'
import { StuckList, useStuck } from './stuck-list.tsx'
import { words } from './text.ts'

const shown_max = 12

interface Group {
  id: 'silent' | 'disagreements' | 'disbelieved' | 'foreign' | 'other_hardware' | 'maintenance' | 'other'
  tone: 'bad' | 'warn'
  hosts: readonly Host[]
  detail(host: Host): ReactNode
}

/** Each of them in all groups that it belongs to, and in one at least: which they are is the API's to say. */
function groupsOf(hosts: readonly Host[], obstacles: ReadonlyMap<string, number>): Group[] {
  const groups: Group[] = [
    { id: 'silent', tone: 'bad', hosts: hosts.filter(isAway), detail: Away },
    {
      id: 'disagreements',
      tone: 'bad',
      hosts: hosts.filter(one => one.disagreements.length > 0),
      detail: one => number(one.disagreements.length),
    },
    {
      id: 'other_hardware',
      tone: 'bad',
      hosts: hosts.filter(one => one.other_hardware !== null),
      detail: one => one.other_hardware?.address,
    },
    {
      id: 'disbelieved',
      tone: 'warn',
      hosts: hosts.filter(one => one.disbelieved.length > 0),
      detail: one => number(one.disbelieved.length),
    },
    {
      id: 'foreign',
      tone: 'warn',
      hosts: hosts.filter(one => foreignOf(one).length > 0),
      detail: one => number(foreignOf(one).length),
    },
  ]
  const placed = new Set(groups.flatMap(group => group.hosts.map(one => one.id)))
  const rest = hosts.filter(one => !placed.has(one.id))
  // Of one in maintenance that has nothing else it is what is in the way, also beyond those that were read.
  const hindered = hosts.filter(one => one.maintenance !== null && (obstacles.has(one.id) || rest.includes(one)))
  return [
    ...groups,
    { id: 'maintenance', tone: 'warn', hosts: hindered, detail: one => inTheWay(obstacles.get(one.id)) },
    { id: 'other', tone: 'warn', hosts: rest.filter(one => one.maintenance === null), detail: one => one.cluster },
  ]
}

/** How many, where that was read. */
const inTheWay = (n: number | undefined) => (n === undefined ? '…' : number(n))

function Away({ availability, absence, last_seen_at }: Host) {
  return (
    <>
      {hostWords(`availability.${availability}`)}, <Time at={absence?.since ?? last_seen_at} seconds />
    </>
  )
}

export function Trouble({
  hosts,
  count,
  failed,
}: {
  hosts: readonly Host[]
  count: number
  failed: readonly Operation[]
}) {
  const kept = useRead(routes.maintenance.list, maintenanceAsked, { follows: ['host', 'migration'] })
  const obstacles = new Map(
    (kept.data?.items ?? []).flatMap(one => (one.obstacles.length > 0 ? [[one.host_id, one.obstacles.length]] : [])),
  )
  const groups = groupsOf(hosts, obstacles).filter(group => group.hosts.length > 0)
  const { stuck, more, reads } = useStuck(hosts)
  const all = [kept, ...reads]
  const broken = all.filter(one => one.error)
  const is_calm = groups.length + stuck.length + failed.length === 0
  return (
    <Card className="croft-wide-card">
      <CardTitle component="h2">{words('health')}</CardTitle>
      <CardBody className="croft-stack">
        <ProblemAlert error={broken[0]?.error} onRetry={() => void Promise.all(broken.map(one => one.refetch()))} />
        {is_calm && broken.length === 0 && <Calm count={count} known={all.every(one => !one.isLoading)} />}
        {groups.map(group => (
          <Named key={group.id} {...group} />
        ))}
        {stuck.length > 0 && <StuckList stuck={stuck} more={more} />}
        {failed.length > 0 && <Failed failed={failed} />}
      </CardBody>
    </Card>
  )
}

/** Nothing is well before all has been looked at. */
function Calm({ count, known }: { count: number; known: boolean }) {
  if (!known) return <Loading />
  return (
    <div>
      <StateLabel tone={count === 0 ? 'off' : 'good'}>{words('health.calm', { n: count })}</StateLabel>
    </div>
  )
}

function Named({ id, tone, hosts, detail }: Group) {
  return (
    <div>
      <StateLabel tone={tone}>{words(`health.${id}`, { n: hosts.length })}</StateLabel>{' '}
      {hosts.slice(0, shown_max).map((one, n) => (
        <span key={one.id}>
          {n > 0 && ', '}
          <ThingLink noun="host" id={one.id}>
            {one.name}
          </ThingLink>{' '}
          <span className="croft-muted">({detail(one)})</span>
        </span>
      ))}
      {hosts.length > shown_max && (
        <>
          {' '}
          <To to="/hosts" search={{ attention: 'true' }}>
            …
          </To>
        </>
      )}
    </div>
  )
}

function Failed({ failed }: { failed: readonly Operation[] }) {
  return (
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
        last={{ title: words('reason'), cell: one => <Told text={one.reason} /> }}
      />
    </div>
  )
}
