/** An aggregate: what it says, whom it is for, its hosts. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Aggregate } from '../../api/aggregate.ts'
import type { Host } from '../../api/host.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { HostStateLabel } from '../host/state.tsx'
import { CallButton } from '../parts/call-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn, To } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { TagList } from '../parts/tags.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function AggregateOverview({ item }: { item: Aggregate }) {
  const query = { aggregate_id: item.id, sort: 'name' }
  const { data, error } = useChoices<Host>(routes.host.list, query, { follows: ['host', 'aggregate'] })
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('description'), item.description || null],
              [words('metadata'), <TagList key="metadata" tags={item.metadata} />],
              [words('projects'), <Projects key="projects" item={item} />],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
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
              { title: words('cluster'), cell: one => one.cluster },
              {
                title: shared('actions'),
                cell: one => (
                  <CallButton
                    title={words('remove')}
                    label={words('remove.of', { host: one.name, name: item.name })}
                    route={routes.aggregate.removeHosts}
                    input={{ params: { aggregate: item.id }, body: { host_ids: [one.id] } }}
                  />
                ),
              },
            ]}
          />
          {data?.next && (
            <p>
              <To to="/hosts" search={{ aggregate_id: item.id }}>
                {words('hosts.all')}
              </To>
            </p>
          )}
        </CardBody>
      </Card>
    </div>
  )
}

function Projects({ item: { restricted, project_ids } }: { item: Aggregate }) {
  if (!restricted) return words('projects.all')
  return (
    <ul>
      {project_ids.map(id => (
        <li key={id}>
          <NameOf noun="project" id={id} />
        </li>
      ))}
    </ul>
  )
}
