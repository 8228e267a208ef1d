/** An instance's NICs: its ports with addresses, floating addresses and security groups. */
import { Card, CardBody, CardHeader, CardTitle } from '@patternfly/react-core'
import type { FloatingIp } from '../../api/floating-ip.ts'
import type { Instance } from '../../api/instance.ts'
import type { Network } from '../../api/network.ts'
import type { Port } from '../../api/port.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import '../network/network.css'
import { CallButton } from '../parts/call-button.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { LinkButton, ThingLink, addressOf } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { NameOf, useName } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { labelOfPort } from '../port/definition.tsx'
import EditPort from '../port/edit.tsx'
import { GroupNames } from '../port/overview.tsx'
import { words } from '../port/text.ts'
import { GiveFloating } from './nics-floating.tsx'

export default function InstanceNics({ item }: { item: Instance }) {
  const ports = useChoices<Port>(routes.port.list, { instance_id: item.id }, { follows: ['port'] })
  const floating = useChoices<FloatingIp>(
    routes['floating-ip'].list,
    { instance_id: item.id },
    { follows: ['floating-ip'] },
  )
  const external = useChoices<Network>(routes.network.list, { kind: 'external' }, { follows: ['network'] })
  if (ports.isPending || floating.isPending) return <Loading />
  const all = ports.data?.items ?? []
  return (
    <div className="croft-stack">
      <ProblemAlert error={ports.error ?? floating.error ?? external.error} />
      {all.length === 0 && !ports.error && <p className="croft-muted">{words('nics.none')}</p>}
      {all.map(port => (
        <Nic
          key={port.id}
          port={port}
          floating={(floating.data?.items ?? []).filter(one => one.port_id === port.id)}
          external={external.data?.items ?? []}
        />
      ))}
    </div>
  )
}

interface NicProps {
  port: Port
  floating: readonly FloatingIp[]
  external: readonly Network[]
}

function Nic({ port, floating, external }: NicProps) {
  const network = useName('network', port.network_id)
  return (
    <Card>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <>
              <LinkButton to={addressOf('ports', port.id, 'check')} variant="link">
                {words('check')}
              </LinkButton>
              <DialogButton
                title={words('edit')}
                label={words('edit.title', { name: labelOfPort(port) })}
                route={routes.port.update}
                dialog={done => <EditPort item={port} done={done} />}
              />
            </>
          ),
        }}
      >
        <CardTitle component="h2">
          <ThingLink noun="network" id={port.network_id}>
            {network}
          </ThingLink>
        </CardTitle>
      </CardHeader>
      <CardBody>
        <div className="croft-stack">
          <Facts
            facts={[
              [
                words('one'),
                <ThingLink key="port" noun="port" id={port.id}>
                  {labelOfPort(port)}
                </ThingLink>,
              ],
              [words('mac'), <code key="mac">{port.mac}</code>],
              [words('groups'), <GroupNames key="groups" port={port} />],
              [
                words('admin_up'),
                <StateLabel key="up" tone={port.admin_up ? 'good' : 'off'}>
                  {words(port.admin_up ? 'on' : 'off')}
                </StateLabel>,
              ],
              !port.port_security && [words('port_security'), words('off')],
            ]}
          />
          <Addresses port={port} floating={floating} external={external} />
        </div>
      </CardBody>
    </Card>
  )
}

function Addresses({ port, floating, external }: NicProps) {
  return (
    <SimpleTable
      label={words('addresses')}
      items={port.addresses}
      keyOf={one => one.address}
      empty="–"
      columns={[
        { title: words('addresses'), cell: one => <code>{one.address}</code> },
        { title: words('subnet'), cell: one => <NameOf noun="subnet" id={one.subnet_id} /> },
        {
          title: words('floating'),
          cell: ({ address }) => {
            if (address.includes(':')) return <span className="croft-muted">{words('floating.v6')}</span>
            const there = floating.find(one => one.fixed_address === address)
            if (there) return <Floating one={there} />
            return (
              <DialogButton
                title={words('floating.add')}
                label={words('floating.add_to', { address })}
                route={routes['floating-ip'].create}
                variant="link"
                isInline
                dialog={done => <GiveFloating port={port} address={address} external={external} done={done} />}
              />
            )
          },
        },
      ]}
    />
  )
}

function Floating({ one }: { one: FloatingIp }) {
  const { address } = one
  return (
    <span className="croft-row-acts">
      <ThingLink noun="floating-ip" id={one.id}>
        <code>{address}</code>
      </ThingLink>
      <CallButton
        title={words('floating.remove')}
        label={words('floating.remove_from', { address })}
        route={routes['floating-ip'].update}
        input={{ params: { floating_ip: one.id }, body: { port_id: null } }}
        confirm={{
          title: words('floating.remove_from', { address }),
          body: words('floating.remove.body', { address }),
        }}
      />
    </span>
  )
}
