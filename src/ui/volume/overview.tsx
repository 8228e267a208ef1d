/** What a volume is and whose disk. */
import { Card, CardBody } from '@patternfly/react-core'
import type { Volume } from '../../api/volume.ts'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { size, Time } from '../parts/time.tsx'
import { keptText } from './definition.tsx'
import { VolumeStateLabel } from './state.tsx'
import { words } from './text.ts'

export default function VolumeOverview({ item }: { item: Volume }) {
  return (
    <Card>
      <CardBody>
        <Facts
          facts={[
            [words('state'), <VolumeStateLabel key="state" volume={item} />],
            [words('size'), size(item.size_mib, 'MiB')],
            [words('role'), words(`role.${item.role}`)],
            [words('bus'), item.bus],
            [
              words('instance'),
              <ThingLink key="instance" noun="instance" id={item.instance_id}>
                {item.instance}
              </ThingLink>,
            ],
            [words('keep.short'), keptText(item)],
            [words('image'), <NameOf key="image" noun="image" id={item.image_id} />],
            [
              words('host'),
              item.host_id === null ? (
                words('host.none')
              ) : (
                <ThingLink key="host" noun="host" id={item.host_id}>
                  {item.host}
                </ThingLink>
              ),
            ],
            [words('created'), <Time key="created" at={item.created_at} />],
          ]}
        />
      </CardBody>
    </Card>
  )
}
