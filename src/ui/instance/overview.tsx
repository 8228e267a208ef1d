/** What an instance is and where it runs. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Instance } from '../../api/instance.ts'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { TagList } from '../parts/tags.tsx'
import { size, Time } from '../parts/time.tsx'
import { InstanceStateLabel } from './state.tsx'
import { words } from './text.ts'

export default function InstanceOverview({ item }: { item: Instance }) {
  const { vcpus, memory_mib, disk_gib } = item
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('state'), <InstanceStateLabel key="state" instance={item} />],
              item.reason !== null && ['', item.reason],
              [
                words('size'),
                words('size.text', { vcpus, memory: size(memory_mib, 'MiB'), disk: size(disk_gib, 'GiB') }),
              ],
              [
                words('flavor'),
                <ThingLink key="flavor" noun="flavor" id={item.flavor_id}>
                  {item.flavor}
                </ThingLink>,
              ],
              [
                words('image'),
                <ThingLink key="image" noun="image" id={item.image_id}>
                  {item.image}
                </ThingLink>,
              ],
              [
                words('host'),
                <ThingLink key="host" noun="host" id={item.host_id}>
                  {item.host}
                </ThingLink>,
              ],
              [words('zone'), item.zone],
              [words('hostname'), item.hostname],
              [words('keys'), item.key_names.join(', ') || '–'],
              [words('tags'), <TagList key="tags" tags={item.tags} />],
              [words('created'), <Time key="created" at={item.created_at} />],
              [words('started'), <Time key="started" at={item.started_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('addresses')}</CardTitle>
        <CardBody>
          <SimpleTable
            label={words('addresses')}
            items={item.addresses}
            keyOf={one => `${one.port_id} ${one.address}`}
            empty="–"
            columns={[
              { title: words('addresses'), cell: one => <code>{one.address}</code> },
              {
                title: words('floating'),
                cell: one => (one.floating_address ? <code>{one.floating_address}</code> : '–'),
              },
              {
                title: words('network.table'),
                cell: one => (
                  <ThingLink noun="network" id={one.network_id}>
                    {one.network}
                  </ThingLink>
                ),
              },
              { title: words('mac'), cell: one => <code>{one.mac}</code> },
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}
