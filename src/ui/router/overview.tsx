/** What a router is, and the subnets that it joins. */
import { Card, CardBody, CardHeader, CardTitle } from '@patternfly/react-core'
import type { Router } from '../../api/router.ts'
import type { Subnet } from '../../api/subnet.ts'
import { routes } from '../api/routes.ts'
import '../network/network.css'
import { whyNotOurs } from '../network/shared.ts'
import { CallButton } from '../parts/call-button.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { FormDialog } from '../parts/form.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function RouterOverview({ item }: { item: Router }) {
  const outside = item.external_network_id
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [
                words('external'),
                outside ? <NameOf key="external" noun="network" id={outside} /> : words('external.none'),
              ],
              outside !== null && [
                words('addresses'),
                <span key="addresses" className="croft-mono">
                  {item.external_addresses.join(', ')}
                </span>,
              ],
              outside !== null && [words('snat'), words(item.snat ? 'on' : 'off')],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Interfaces item={item} />
    </div>
  )
}

function Interfaces({ item }: { item: Router }) {
  const why = whyNotOurs(item)
  return (
    <Card>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <DialogButton
              title={words('join')}
              route={routes.router.addInterface}
              variant={item.interfaces.length === 0 ? 'primary' : 'secondary'}
              whyNot={why}
              dialog={done => <Join item={item} done={done} />}
            />
          ),
        }}
      >
        <CardTitle component="h2">{words('interfaces')}</CardTitle>
      </CardHeader>
      <CardBody>
        <SimpleTable
          label={words('interfaces')}
          items={item.interfaces}
          keyOf={one => one.subnet_id}
          empty={words('interfaces.none')}
          columns={[
            { title: words('subnet'), cell: one => <NameOf noun="subnet" id={one.subnet_id} /> },
            { title: words('cidr'), cell: one => <code>{one.cidr}</code> },
            { title: words('address'), cell: one => <code>{one.address}</code> },
            { title: words('port'), cell: one => <NameOf noun="port" id={one.port_id} /> },
            {
              title: shared('actions'),
              cell: one => (
                <CallButton
                  title={words('leave')}
                  label={words('leave.of', { cidr: one.cidr })}
                  route={routes.router.removeInterface}
                  input={{ params: { router: item.id, subnet: one.subnet_id } }}
                  confirm={{
                    title: words('leave.of', { cidr: one.cidr }),
                    body: words('leave.body', { cidr: one.cidr }),
                  }}
                  danger
                  whyNot={why}
                />
              ),
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}

function Join({ item, done }: { item: Router; done: () => void }) {
  const joined = new Set(item.interfaces.map(one => one.subnet_id))
  return (
    <FormDialog
      title={`${words('join')}: ${item.name}`}
      yes={words('join')}
      route={routes.router.addInterface}
      toInput={({ subnet_id }) => ({ params: { router: item.id }, body: { subnet_id } })}
      fields={[
        {
          name: 'subnet_id',
          title: words('subnet'),
          kind: 'noun',
          from: routes.subnet.list,
          query: { sort: 'name' },
          only: one => !joined.has(one.id) && (one as Subnet).project_id === item.project_id,
          describe: one => (one as Subnet).cidr,
          help: words('join.help'),
          first: true,
        },
      ]}
      done={done}
    />
  )
}
