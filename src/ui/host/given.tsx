/** Hardware of a host that is given out by name or number: CPUs of one's own, huge pages, PCI devices; and who has it. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Host } from '../../api/host.ts'
import { routes } from '../api/routes.ts'
import { useRead } from '../api/read.ts'
import { SimpleTable } from '../parts/simple-table.tsx'
import { ThingLink } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { size } from '../parts/time.tsx'
import { ranges } from '../../model/ranges.ts'
import { words } from './text.ts'

export function GivenHardware({ item }: { item: Host }) {
  const { data, error } = useRead(
    routes.host.hardware,
    { params: { host: item.id } },
    { follows: ['instance', 'host', 'pci-alias'] },
  )
  if (!data) return <ProblemAlert error={error} />
  const nameOf = (id: string) => data.instances.find(one => one.instance_id === id)?.name ?? id
  return (
    <Card>
      <CardTitle component="h2">{words('given')}</CardTitle>
      <CardBody className="croft-stack">
        <SimpleTable
          label={words('numa')}
          items={data.nodes}
          keyOf={one => String(one.node)}
          empty={words('none')}
          columns={[
            { title: words('numa.node'), cell: one => one.node },
            { title: words('numa.cpus'), cell: one => ranges(one.cpus) },
            { title: words('given.own'), cell: one => ranges(one.own_cpus) || '–' },
            {
              title: words('given.pages'),
              cell: one =>
                one.huge_pages
                  .map(page =>
                    words('given.pages.of', { free: page.free, total: page.total, size: size(page.size_kib, 'KiB') }),
                  )
                  .join(', ') || '–',
            },
          ]}
        />
        <SimpleTable
          label={words('given.who')}
          items={data.instances}
          keyOf={one => one.instance_id}
          empty={words('given.nobody')}
          columns={[
            {
              title: words('given.who'),
              cell: one => (
                <ThingLink noun="instance" id={one.instance_id}>
                  {one.name}
                </ThingLink>
              ),
            },
            { title: words('given.own'), cell: one => ranges(one.cpus) || '–' },
            { title: words('numa.node'), cell: one => one.nodes.join(', ') || '–' },
            {
              title: words('given.pages'),
              cell: one => (one.page_size_kib === null ? '–' : size(one.page_size_kib, 'KiB')),
            },
          ]}
        />
        <SimpleTable
          label={words('pci')}
          items={data.devices}
          keyOf={one => one.address}
          empty={words('given.no_devices')}
          columns={[
            { title: words('pci.address'), cell: one => <code>{one.address}</code> },
            { title: words('given.alias'), cell: one => one.aliases.join(', ') },
            { title: words('numa.node'), cell: one => one.numa_node ?? '–' },
            {
              title: words('given.who'),
              cell: one =>
                one.instance_id === null ? (
                  words('given.free')
                ) : (
                  <ThingLink noun="instance" id={one.instance_id}>
                    {nameOf(one.instance_id)}
                  </ThingLink>
                ),
            },
          ]}
        />
      </CardBody>
    </Card>
  )
}
