/** How full a host is, what it runs, and what else is on it. */
import { Alert, Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Host } from '../../api/host.ts'
import { type PlacingOn, placingOn } from '../../model/placing-on.ts'
import { RestartsFrom } from '../instance/restarts.tsx'
import { Facts } from '../parts/facts.tsx'
import { ThingLink, To } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { TagList } from '../parts/tags.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { HostAbsence } from './absence.tsx'
import { isAway } from '../../model/host-attention.ts'
import { Bar } from './bar.tsx'
import { factsOf, foreignOf } from './facts.ts'
import { LastHeard } from './state.tsx'
import { words } from './text.ts'

export default function HostOverview({ item }: { item: Host }) {
  const facts = factsOf(item)
  const foreign = foreignOf(item)
  return (
    <div className="croft-stack">
      <Warnings item={item} facts={facts} />
      {isAway(item) && <HostAbsence host={item} />}
      <RestartsFrom host={item} />
      <Capacity item={item} />
      <Card>
        <CardBody>
          <Facts
            facts={[
              [
                words('cluster'),
                <ThingLink key="cluster" noun="cluster" id={item.cluster_id}>
                  {item.cluster}
                </ThingLink>,
              ],
              [words('zone'), item.zone],
              [words('schedulable'), words(placed_words[placingOn(item)])],
              [words('instances'), number(item.instances)],
              [words('labels'), <TagList key="labels" tags={item.labels} />],
              [
                words('aggregates'),
                item.aggregates.length === 0 ? null : (
                  <span key="aggregates">
                    {item.aggregates.map(one => (
                      <span key={one.id}>
                        <ThingLink noun="aggregate" id={one.id}>
                          {one.name}
                        </ThingLink>{' '}
                      </span>
                    ))}
                  </span>
                ),
              ],
              [
                words('reserved.memory'),
                item.reserved_memory_mib === null ? words('reserved.default') : size(item.reserved_memory_mib, 'MiB'),
              ],
              [words('reserved.vcpus'), item.reserved_vcpus === null ? null : number(item.reserved_vcpus)],
              [
                words('machine_id'),
                <code key="machine" className="croft-small">
                  {item.machine_id}
                </code>,
              ],
              [
                words('hardware_id'),
                item.hardware_id && (
                  <code key="hardware_id" className="croft-small">
                    {item.hardware_id}
                  </code>
                ),
              ],
              [words('seen'), <LastHeard key="seen" host={item} />],
              [words('joined'), <Time key="joined" at={item.created_at} />],
              [words('hostname'), facts.hostname],
              [words('os'), facts.os],
              [words('kernel'), facts.kernel],
              [words('agent'), facts.agent_version],
              ['libvirt', facts.libvirt_version],
              ['QEMU', facts.qemu_version],
              ['Open vSwitch', facts.ovs_version],
              ['OVN', facts.ovn_version],
              [words('virtualisation'), facts.virtualisation && words(`virtualisation.${facts.virtualisation}`)],
              [
                words('tunnel'),
                <span key="tunnel" className={item.tunnel_address === null ? 'croft-muted' : 'croft-mono'}>
                  {item.tunnel_address ?? words('tunnel.none')}
                </span>,
              ],
              // What it says beside that is no more than its word.
              facts.tunnel_address !== undefined &&
                facts.tunnel_address !== item.tunnel_address && [
                  words('tunnel.said'),
                  <span key="said" className="croft-mono">
                    {facts.tunnel_address}
                  </span>,
                ],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('foreign')}</CardTitle>
        <CardBody>
          {foreign.length > 0 && <p className="croft-muted">{words('foreign.note')}</p>}
          <SimpleTable
            label={words('foreign')}
            items={foreign}
            keyOf={one => one.uuid}
            empty={words('foreign.none')}
            columns={[
              { title: words('name'), cell: one => one.name },
              { title: words('state'), cell: one => one.state },
              { title: 'UUID', cell: one => <code className="croft-small">{one.uuid}</code> },
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}

/** What an operator should look into. */
function Warnings({ item, facts }: { item: Host; facts: ReturnType<typeof factsOf> }) {
  return (
    <>
      {item.disagreements.length > 0 && (
        <Alert isInline variant="warning" title={words('disagreements.n', { n: item.disagreements.length })}>
          {words('disagreements.why')} <To to={`/hosts/${item.id}/disagreements`}>{words('disagreements.go')}</To>
        </Alert>
      )}
      {item.other_hardware && (
        <Alert isInline variant="danger" title={words('other_hardware')}>
          {words('other_hardware.why', item.other_hardware)} <Time at={item.other_hardware.since} />
        </Alert>
      )}
      {item.disbelieved.length > 0 && (
        <Alert isInline variant="warning" title={words('disbelieved.n', { n: item.disbelieved.length })}>
          {item.disbelieved.map(one => (
            <p key={one}>{one}</p>
          ))}
        </Alert>
      )}
      {item.cpu_missing && (
        <Alert isInline variant="warning" title={words('cpu_missing')}>
          {words('cpu_missing.why', { flags: item.cpu_missing.join(', ') || '?' })}
        </Alert>
      )}
      {facts.machine_id !== undefined && facts.machine_id !== item.machine_id && (
        <Alert isInline variant="warning" title={words('machine_changed')}>
          {words('machine_changed.why')}
        </Alert>
      )}
    </>
  )
}

function Capacity({ item }: { item: Host }) {
  return (
    <Card>
      <CardTitle component="h2">{words('capacity')}</CardTitle>
      <CardBody>
        <div className="croft-capacity">
          <Bar large title={words('vcpus')} used={item.vcpus_claimed} limit={item.vcpus_limit} show={number} />
          <Bar
            large
            title={words('memory')}
            used={item.memory_claimed_mib}
            limit={item.memory_limit_mib}
            show={value => size(value, 'MiB')}
          />
          <Bar
            large
            title={words('disk')}
            used={item.disk_claimed_gib}
            limit={item.disk_limit_gib}
            show={value => size(value, 'GiB')}
          />
        </div>
        <p className="croft-muted croft-small croft-above">{words('capacity.note')}</p>
      </CardBody>
    </Card>
  )
}

/** Whether new instances come to it now; what keeps them away is told beside its name, too. */
const placed_words = {
  yes: 'yes',
  doubted: 'yes.doubted',
  maintenance: 'no.maintenance',
  closed: 'closed',
  silent: 'closed.silent',
  cpu: 'no.cpu',
} as const satisfies Record<PlacingOn, string>
