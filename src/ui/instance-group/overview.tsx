/** What an instance group is, and where its instances are. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { InstanceGroup } from '../../api/instance-group.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { InstanceStateLabel } from '../instance/state.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn, ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

/** A group that shall be on one host or on one each is seldom larger. */
const shown_max = 1000

export default function InstanceGroupOverview({ item }: { item: InstanceGroup }) {
  return (
    <div className="croft-stack">
      <Card>
        <CardTitle component="h2">{words('overview')}</CardTitle>
        <CardBody>
          <Facts
            facts={[
              [words('policy'), words(`policy.${item.policy}`)],
              [words('description'), item.description || '–'],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('instances')}</CardTitle>
        <CardBody>
          <Members item={item} />
        </CardBody>
      </Card>
    </div>
  )
}

function Members({ item }: { item: InstanceGroup }) {
  const { data, error, isPending } = useRead(
    routes.instance.list,
    { query: { group_id: item.id, limit: shown_max, sort: 'name' } },
    { follows: ['instance'] },
  )
  if (isPending) return <Loading />
  if (error) return <ProblemAlert error={error} />
  return (
    <SimpleTable
      label={words('instances')}
      items={data.items}
      keyOf={one => one.id}
      empty={words('instances.none')}
      columns={[
        nameColumn('instance', words('name')),
        { title: words('state'), cell: one => <InstanceStateLabel instance={one} /> },
        {
          title: words('host'),
          cell: one => (
            <ThingLink noun="host" id={one.host_id}>
              {one.host}
            </ThingLink>
          ),
        },
      ]}
    />
  )
}
