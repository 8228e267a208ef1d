/** Own instances on the first page: how many in which state, and each with what can be done with it. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Instance } from '../../api/instance.ts'
import { instance } from '../instance/definition.tsx'
import { InstanceStateLabel } from '../instance/state.tsx'
import { Actions } from '../parts/actions.tsx'
import { nameColumn, To } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { number } from '../parts/time.tsx'
import { words } from './text.ts'

const shown_max = 8

/** What needs someone first; then what was made last. */
const order: readonly Instance['state'][] = [
  'error',
  'unknown',
  'paused',
  'starting',
  'rebooting',
  'stopping',
  'deleting',
]

const rank = ({ state }: Instance) => (order.includes(state) ? order.indexOf(state) : order.length)

export function InstancesCard({ items, more }: { items: readonly Instance[]; more: boolean }) {
  const states = [...Map.groupBy(items, one => one.state)].toSorted(([, one], [, other]) => other.length - one.length)
  const shown = items.toSorted((one, other) => rank(one) - rank(other)).slice(0, shown_max)
  return (
    <Card>
      <CardTitle component="h2">
        <div className="croft-card-head">
          {words('instances')}
          <To to="/instances">{words('all')}</To>
        </div>
      </CardTitle>
      <CardBody className="croft-stack">
        <div className="croft-states">
          {states.map(([state, all]) => (
            <span key={state}>
              <strong>{number(all.length)}</strong>{' '}
              <InstanceStateLabel instance={{ state, reason: null, step: null, percent: null }} />
            </span>
          ))}
          {more && <span className="croft-muted">{words('instances.more', { n: items.length })}</span>}
        </div>
        <SimpleTable
          label={words('instances')}
          items={shown}
          keyOf={one => one.id}
          empty={words('instances.none')}
          columns={[
            nameColumn('instance', words('name')),
            { title: words('state'), cell: one => <InstanceStateLabel instance={one} /> },
            {
              title: words('address'),
              cell: one => (
                <span className="croft-mono">
                  {one.addresses.map(address => address.floating_address ?? address.address).join(', ') || '–'}
                </span>
              ),
            },
            {
              title: words('do'),
              numeric: true,
              cell: one => <Actions noun={instance} items={[one]} layout="row" />,
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}
