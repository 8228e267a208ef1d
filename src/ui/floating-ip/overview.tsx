/** What a floating address is in front of. */
import { Card, CardBody } from '@patternfly/react-core'
import type { FloatingIp } from '../../api/floating-ip.ts'
import { Facts } from '../parts/facts.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function FloatingIpOverview({ item }: { item: FloatingIp }) {
  return (
    <Card>
      <CardBody>
        <Facts
          facts={[
            [words('instance'), <NameOf key="instance" noun="instance" id={item.instance_id} />],
            [words('fixed'), <code key="fixed">{item.fixed_address ?? '–'}</code>],
            [words('port'), <NameOf key="port" noun="port" id={item.port_id} />],
            [words('router'), <NameOf key="router" noun="router" id={item.router_id} />],
            [words('network'), <NameOf key="network" noun="network" id={item.network_id} />],
            [words('description'), item.description || '–'],
            [words('created'), <Time key="created" at={item.created_at} />],
          ]}
        />
      </CardBody>
    </Card>
  )
}
