/** Some ports: those of a network, a router or a security group. */
import type { Port } from '../../api/port.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { labelOfPort, OwnerOf } from './definition.tsx'
import { words } from './text.ts'

export function PortTable({ query, empty }: { query: Readonly<Record<string, string>>; empty?: string }) {
  const { data, error, isPending } = useChoices<Port>(routes.port.list, query, { follows: ['port'] })
  if (isPending) return <Loading />
  return (
    <>
      <ProblemAlert error={error} />
      <SimpleTable
        label={words('many')}
        items={data?.items}
        keyOf={one => one.id}
        empty={empty ?? words('none')}
        columns={[
          {
            title: words('name_or_address'),
            cell: one => (
              <ThingLink noun="port" id={one.id}>
                {labelOfPort(one)}
              </ThingLink>
            ),
          },
          { title: words('kind'), cell: one => words(`kind.${one.kind}`) },
          { title: words('of'), cell: one => <OwnerOf port={one} /> },
          { title: words('addresses'), cell: one => <code>{one.addresses.map(each => each.address).join(', ')}</code> },
          { title: words('network'), cell: one => <NameOf noun="network" id={one.network_id} /> },
          { title: words('mac'), cell: one => <code>{one.mac}</code> },
        ]}
      />
    </>
  )
}
