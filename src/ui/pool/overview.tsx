/** How full a pool is, and who shares it. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Pool } from '../../api/pool.ts'
import { Bar } from '../host/bar.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function PoolOverview({ item }: { item: Pool }) {
  const written_gib = Math.max(0, item.total_gib - item.free_gib)
  return (
    <div className="croft-stack">
      <Card>
        <CardTitle component="h2">{words('room')}</CardTitle>
        <CardBody>
          <div className="croft-capacity">
            <Bar
              large
              title={words('claimed')}
              used={item.claimed_gib}
              limit={item.total_gib}
              show={value => size(value, 'GiB')}
            />
            <Bar
              large
              title={words('written')}
              used={written_gib}
              limit={item.total_gib}
              show={value => size(value, 'GiB')}
            />
          </div>
          <p className="croft-muted croft-small croft-above">{words('room.note')}</p>
        </CardBody>
      </Card>
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('id'), <code key="id">{item.id}</code>],
              [words('volumes'), number(item.volumes)],
              [words('shared'), words(item.shared ? 'shared.yes' : 'shared.no')],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('hosts')}</CardTitle>
        <CardBody>
          <SimpleTable
            label={words('hosts')}
            items={item.hosts}
            keyOf={one => one.id}
            empty={words('hosts.none')}
            columns={[
              nameColumn('host', words('name')),
              {
                title: words('state'),
                cell: one => (
                  <StateLabel tone={one.state === 'up' ? 'good' : 'bad'}>
                    {words(one.state === 'up' ? 'state.up' : 'state.other')}
                  </StateLabel>
                ),
              },
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}
