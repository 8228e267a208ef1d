/** Hosts in maintenance, with how far each is emptied: a card of the dashboard, for operators; nothing where there is none. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Maintenance } from '../../api/maintenance.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ThingLink } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { number, Time } from '../parts/time.tsx'
import { words } from './text.ts'

const shown_max = 50
/** The same question, and so one answer, for what needs an operator. */
export const maintenanceAsked = { query: { limit: shown_max } }

export function MaintenanceCard() {
  const { data, error } = useRead(routes.maintenance.list, maintenanceAsked, { follows: ['host', 'migration'] })
  if (!data) return <ProblemAlert error={error} />
  if (data.items.length === 0) return null
  return (
    <Card className="croft-wide-card">
      <CardTitle component="h2">{words('maintenance')}</CardTitle>
      <CardBody>
        <SimpleTable
          label={words('maintenance')}
          items={data.items}
          keyOf={one => one.id}
          empty=""
          columns={[
            {
              title: words('host'),
              cell: one => (
                <ThingLink noun="host" id={one.host_id}>
                  {one.host}
                </ThingLink>
              ),
            },
            { title: words('state'), cell: one => <MaintenanceState maintenance={one} /> },
            { title: words('maintenance.moved'), numeric: true, cell: one => number(one.moved) },
            { title: words('maintenance.moving'), numeric: true, cell: one => number(one.moving) },
            { title: words('maintenance.left'), numeric: true, cell: one => number(one.left) },
            { title: words('maintenance.since'), cell: one => <Time at={one.created_at} /> },
          ]}
        />
        {data.next && <p className="croft-muted croft-above">{words('maintenance.more', { n: shown_max })}</p>}
      </CardBody>
    </Card>
  )
}

function MaintenanceState({ maintenance: { state, obstacles } }: { maintenance: Maintenance }) {
  const [first] = obstacles
  if (state === 'drained') return <StateLabel tone="good">{words('maintenance.drained')}</StateLabel>
  if (!first) return <StateLabel tone="busy">{words('maintenance.draining')}</StateLabel>
  return (
    <StateLabel tone="warn" why={`${first.instance}: ${first.reason}`}>
      {words('maintenance.obstacles', { n: obstacles.length })}
    </StateLabel>
  )
}
