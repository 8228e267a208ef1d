/** Where an instance was restarted because its host was lost, and why; nothing where that never happened. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Instance } from '../../api/instance.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './restarts-text.ts'

const tones = { running: 'good', failed: 'bad', no_room: 'bad', given_up: 'off' } as const

export function Restarts({ instance: { id } }: { instance: Instance }) {
  const query = { instance_id: id, limit: 50 }
  const { data } = useRead(routes['ha-restart'].list, { query }, { follows: ['instance'], of: id })
  if (!data || data.items.length === 0) return null
  return (
    <Card>
      <CardTitle component="h2">{words('title')}</CardTitle>
      <CardBody>
        <SimpleTable
          label={words('title')}
          items={data.items}
          keyOf={one => one.id}
          empty=""
          columns={[
            { title: words('at'), cell: one => <Time at={one.begun_at} /> },
            { title: words('reason'), cell: one => one.reason },
            {
              title: words('outcome'),
              cell: one => (
                <StateLabel tone={one.outcome ? tones[one.outcome] : 'busy'} why={one.failure}>
                  {words(`outcome.${one.outcome ?? 'open'}`)}
                </StateLabel>
              ),
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}
