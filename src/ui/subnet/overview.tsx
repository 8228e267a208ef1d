/** What a subnet is. */
import { Card, CardBody } from '@patternfly/react-core'
import type { Subnet } from '../../api/subnet.ts'
import { words } from '../network/text.ts'
import { Facts } from '../parts/facts.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { Time } from '../parts/time.tsx'

export default function SubnetOverview({ item }: { item: Subnet }) {
  return (
    <Card>
      <CardBody>
        <Facts
          facts={[
            [words('cidr'), <code key="cidr">{item.cidr}</code>],
            [words('one'), <NameOf key="network" noun="network" id={item.network_id} />],
            [words('gateway'), <code key="gateway">{item.gateway ?? '–'}</code>],
            [words('pool'), <code key="pool">{`${item.pool_start} – ${item.pool_end}`}</code>],
            [words('dhcp'), words(item.dhcp ? 'on' : 'off')],
            [words('dns'), item.dns.join(', ') || '–'],
            [
              words('host_routes'),
              item.host_routes.map(one => `${one.destination} → ${one.next_hop}`).join(', ') || '–',
            ],
            [words('created'), <Time key="created" at={item.created_at} />],
          ]}
        />
      </CardBody>
    </Card>
  )
}
