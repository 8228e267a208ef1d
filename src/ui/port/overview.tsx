/** What a port is. */
import { Card, CardBody } from '@patternfly/react-core'
import type { Port } from '../../api/port.ts'
import { Facts } from '../parts/facts.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { OwnerOf } from './definition.tsx'
import { words } from './text.ts'

export default function PortOverview({ item }: { item: Port }) {
  return (
    <Card>
      <CardBody>
        <Facts
          facts={[
            [words('kind'), words(`kind.${item.kind}`)],
            [words('of'), <OwnerOf key="of" port={item} />],
            [words('network'), <NameOf key="network" noun="network" id={item.network_id} />],
            [
              words('addresses'),
              <span key="addresses" className="croft-mono">
                {item.addresses.map(one => one.address).join(', ') || '–'}
              </span>,
            ],
            [words('mac'), <code key="mac">{item.mac}</code>],
            [
              words('admin_up'),
              <StateLabel key="up" tone={item.admin_up ? 'good' : 'off'}>
                {words(item.admin_up ? 'on' : 'off')}
              </StateLabel>,
            ],
            [words('port_security'), words(item.port_security ? 'on' : 'off')],
            [words('groups'), <GroupNames key="groups" port={item} />],
            item.allowed_address_pairs.length > 0 && [
              words('pairs'),
              item.allowed_address_pairs.map(one => `${one.address} ${one.mac ?? ''}`).join(', '),
            ],
            [words('created'), <Time key="created" at={item.created_at} />],
          ]}
        />
      </CardBody>
    </Card>
  )
}

export function GroupNames({ port }: { port: Port }) {
  if (port.security_groups.length === 0)
    return <>{port.port_security && port.kind === 'instance' ? words('groups.none') : '–'}</>
  return port.security_groups.map((id, n) => (
    <span key={id}>
      {n > 0 && ', '}
      <NameOf noun="security-group" id={id} />
    </span>
  ))
}
