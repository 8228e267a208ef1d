/** A region and its zones. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Region } from '../../api/region.ts'
import type { Zone } from '../../api/zone.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Facts } from '../parts/facts.tsx'
import { nameColumn } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function RegionOverview({ item }: { item: Region }) {
  const query = { region_id: item.id, sort: 'name' }
  const { data, error } = useChoices<Zone>(routes.zone.list, query, { follows: ['zone'] })
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('name'), item.name],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('zones')}</CardTitle>
        <CardBody>
          <ProblemAlert error={error} />
          <SimpleTable
            label={words('zones')}
            items={data?.items}
            keyOf={one => one.id}
            empty={words('zones.none')}
            columns={[
              nameColumn('zone', words('name')),
              { title: words('created'), cell: one => <Time at={one.created_at} /> },
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}
