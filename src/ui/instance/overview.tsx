/** What an instance is and where it runs. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Instance } from '../../api/instance.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { Facts } from '../parts/facts.tsx'
import { ThingLink } from '../parts/link.tsx'
import { StateLabel } from '../parts/state.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { TagList } from '../parts/tags.tsx'
import { size, Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { may, useSession } from '../session/session.ts'
import { useOnHost } from './on-host.ts'
import { recoveryFacts } from './recovery.tsx'
import { InstanceStateLabel } from './state.tsx'
import { words } from './text.ts'

export default function InstanceOverview({ item }: { item: Instance }) {
  const { vcpus, memory_mib, disk_gib, guest_addresses } = item
  const machine = [
    item.firmware?.toUpperCase(),
    item.secure_boot && words('machine.secure_boot'),
    item.tpm !== null && `TPM ${item.tpm}`,
  ]
    .filter(Boolean)
    .join(', ')
  const session = useSession()
  const on_host = useOnHost(item)
  // Who may not see users would be shown a piece of an id.
  const names = item.user_id === session.user.id || may(session, { level: 'system', needs: 'user.read' })
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('state'), <InstanceStateLabel key="state" instance={item} />],
              item.reason !== null && [words('reason'), <Told key="reason" text={item.reason} />],
              [
                words('size'),
                words('size.text', { vcpus, memory: size(memory_mib, 'MiB'), disk: size(disk_gib, 'GiB') }),
              ],
              item.ephemeral_gib > 0 && [words('ephemeral'), size(item.ephemeral_gib, 'GiB')],
              item.swap_mib > 0 && [words('swap'), size(item.swap_mib, 'MiB')],
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
              [words('boot'), words(`boot.${item.boot}`)],
              machine !== '' && [words('machine'), machine],
              [
                words('host'),
                <ThingLink key="host" noun="host" id={item.host_id}>
                  {item.host}
                </ThingLink>,
              ],
              on_host !== null && [words('on_host'), on_host],
              [words('zone'), item.zone],
              item.group_id !== null && [words('group'), <GroupLink key="group" id={item.group_id} />],
              ...(['same_as', 'different_from'] as const).map(
                hint => item[hint].length > 0 && ([words(hint), <Named key={hint} ids={item[hint]} />] as const),
              ),
              [words('hostname'), item.hostname],
              item.guest_os !== null && [words('guest'), item.guest_os],
              [
                words('guest_agent'),
                <StateLabel key="agent" tone={item.guest_agent === 'connected' ? 'good' : 'off'}>
                  {words(`agent.${item.guest_agent}`)}
                </StateLabel>,
              ],
              guest_addresses.length > 0 && [
                words('guest_addresses'),
                <code key="guest-addresses">{guest_addresses.join(', ')}</code>,
              ],
              ...recoveryFacts(item),
              [words('config_drive'), words(item.config_drive ? 'yes' : 'config_drive.no')],
              [words('keys'), item.key_names.join(', ') || '–'],
              [words('tags'), <TagList key="tags" tags={item.tags} />],
              names && [words('owner'), <UserName key="owner" id={item.user_id} />],
              [words('created'), <Time key="created" at={item.created_at} />],
              [words('started'), <Time key="started" at={item.started_at} />],
              item.deleted_at !== null && [words('deleted_at'), <Time key="deleted" at={item.deleted_at} />],
              item.purge_at !== null && [words('purge_at'), <Time key="purge" at={item.purge_at} />],
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

function Named({ ids }: { ids: readonly string[] }) {
  return ids.map((id, at) => (
    <span key={id}>
      {at > 0 && ', '}
      <InstanceLink id={id} />
    </span>
  ))
}

/** One that was deleted since is its id alone. */
function InstanceLink({ id }: { id: string }) {
  const { data } = useRead(routes.instance.get, { params: { instance: id } }, { follows: ['instance'], of: id })
  return data ? (
    <ThingLink noun="instance" id={id}>
      {data.name}
    </ThingLink>
  ) : (
    <code>{id}</code>
  )
}

function GroupLink({ id }: { id: string }) {
  const { data } = useRead(
    routes['instance-group'].get,
    { params: { instance_group: id } },
    { follows: ['instance-group'], of: id },
  )
  return (
    <ThingLink noun="instance-group" id={id}>
      {data?.name ?? id}
    </ThingLink>
  )
}
