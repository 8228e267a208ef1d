/** The same as the picture, as tables: for those who read better than they look. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import { InstanceStateLabel } from '../instance/state.tsx'
import { nameColumn, ThingLink } from '../parts/link.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import type { Things } from './graph.ts'
import { words } from './text.ts'

export default function TopologyTable({ networks, subnets, routers, instances }: Things) {
  const network_of = new Map(subnets.map(one => [one.id, one.network_id]))
  const names = (ids: readonly (string | null | undefined)[]) => {
    const all = [...new Set(ids)].flatMap(id => networks.find(one => one.id === id) ?? [])
    if (all.length === 0) return '–'
    return all.map((one, n) => (
      <span key={one.id}>
        {n > 0 && ', '}
        <ThingLink noun="network" id={one.id}>
          {one.name}
        </ThingLink>
      </span>
    ))
  }
  return (
    <div className="croft-stack">
      <Card>
        <CardTitle component="h2">{words('label')}</CardTitle>
        <CardBody>
          <SimpleTable
            label={words('label')}
            items={[...networks, ...routers]}
            keyOf={one => one.id}
            empty={words('empty')}
            columns={[
              {
                title: words('name'),
                cell: one => (
                  <ThingLink noun={'interfaces' in one ? 'router' : 'network'} id={one.id}>
                    {one.name}
                  </ThingLink>
                ),
              },
              {
                title: words('kind'),
                cell: one => words('interfaces' in one ? 'router' : one.kind === 'external' ? 'external' : 'network'),
              },
              {
                title: words('addresses'),
                cell: one => {
                  if ('interfaces' in one) return one.external_addresses.join(', ') || '–'
                  return subnets.flatMap(each => (each.network_id === one.id ? each.cidr : [])).join(', ') || '–'
                },
              },
              {
                title: words('connected'),
                cell: one =>
                  'interfaces' in one
                    ? names([one.external_network_id, ...one.interfaces.map(each => network_of.get(each.subnet_id))])
                    : words('instances', {
                        n: instances.filter(each => each.addresses.some(other => other.network_id === one.id)).length,
                      }),
              },
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardBody>
          <SimpleTable
            label={words('instance')}
            items={instances}
            keyOf={one => one.id}
            empty={words('instances.none')}
            columns={[
              nameColumn('instance', words('instance')),
              { title: words('state'), cell: one => <InstanceStateLabel instance={one} /> },
              { title: words('connected'), cell: one => names(one.addresses.map(each => each.network_id)) },
              {
                title: words('addresses'),
                cell: one => (
                  <code>
                    {one.addresses
                      .flatMap(each => [each.address, each.floating_address ?? []])
                      .flat()
                      .join(', ')}
                  </code>
                ),
              },
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}
