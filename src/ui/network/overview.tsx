/** What a network is, and its subnets. */
import { Card, CardBody, CardHeader, CardTitle } from '@patternfly/react-core'
import type { Network } from '../../api/network.ts'
import type { Subnet } from '../../api/subnet.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import { AddSubnet, EditSubnet } from '../subnet/dialogs.tsx'
import { whyNotOurs } from './shared.ts'
import './network.css'
import { words } from './text.ts'

export default function NetworkOverview({ item }: { item: Network }) {
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('kind'), words(`kind.${item.kind}`)],
              [words('shared'), words(item.shared ? 'shared.yes' : 'shared.no')],
              [words('mtu'), item.mtu],
              item.physical_network !== null && [words('physical_network'), item.physical_network],
              item.kind === 'external' && [words('vlan'), item.vlan],
              [words('project'), <NameOf key="project" noun="project" id={item.project_id} />],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Subnets item={item} />
    </div>
  )
}

function Subnets({ item }: { item: Network }) {
  const { data, error } = useChoices<Subnet>(
    routes.subnet.list,
    { network_id: item.id, sort: 'name' },
    { follows: ['subnet'] },
  )
  const why = whyNotOurs(item)
  return (
    <Card>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <DialogButton
              title={words('subnet.create')}
              route={routes.subnet.create}
              variant={data?.items.length === 0 ? 'primary' : 'secondary'}
              whyNot={why}
              dialog={done => <AddSubnet network={item} done={done} />}
            />
          ),
        }}
      >
        <CardTitle component="h2">{words('subnets')}</CardTitle>
      </CardHeader>
      <CardBody>
        <ProblemAlert error={error} />
        <SimpleTable
          label={words('subnets')}
          items={data?.items}
          keyOf={one => one.id}
          empty={words('subnets.none')}
          columns={[
            nameColumn('subnet', words('name')),
            { title: words('cidr'), cell: one => <code>{one.cidr}</code> },
            { title: words('gateway'), cell: one => (one.gateway ? <code>{one.gateway}</code> : '–') },
            { title: words('dhcp'), cell: one => words(one.dhcp ? 'on' : 'off') },
            { title: words('dns'), cell: one => one.dns.join(', ') || '–' },
            {
              title: shared('actions'),
              cell: one => (
                <span className="croft-row-acts">
                  <DialogButton
                    title={words('edit')}
                    label={words('edit.title', { name: one.name })}
                    route={routes.subnet.update}
                    variant="link"
                    isInline
                    whyNot={why}
                    dialog={done => <EditSubnet item={one} done={done} />}
                  />
                  <CallButton
                    title={words('delete')}
                    label={`${words('delete')}: ${one.name}`}
                    route={routes.subnet.delete}
                    input={{ params: { subnet: one.id } }}
                    confirm={{
                      title: words('subnet.delete.title', { n: 1 }),
                      body: words('subnet.delete.body', { names: one.name }),
                    }}
                    danger
                    whyNot={why}
                  />
                </span>
              ),
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}
