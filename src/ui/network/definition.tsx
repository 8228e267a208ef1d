/** Networks: list, page, form; their subnets stand on their page. */
import NetworkIcon from '@patternfly/react-icons/dist/esm/icons/network-wired-icon'
import type { Network } from '../../api/network.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { whyNotOurs } from './shared.ts'
import { words } from './text.ts'

export const network = defineNoun<Network>({
  name: 'network',
  path: 'networks',
  area: 'network',
  title: () => words('one'),
  titles: () => words('many'),
  icon: NetworkIcon,
  list: routes.network.list,
  default_sort: 'name',
  shared_between_projects: true,
  get: { route: routes.network.get, param: 'network' },
  columns: [
    nameColumn(() => words('name'), 'minmax(9rem, 1.5fr)'),
    { id: 'kind', title: () => words('kind'), cell: one => words(`kind.${one.kind}`) },
    {
      id: 'subnets',
      title: () => words('subnets'),
      cell: one => <Subnets ids={one.subnets} />,
      width: 'minmax(9rem, 2fr)',
    },
    { id: 'shared', title: () => words('shared'), cell: one => words(one.shared ? 'shared.yes' : 'shared.no') },
    { id: 'mtu', title: () => words('mtu'), cell: one => one.mtu, numeric: true },
    { id: 'physical', title: () => words('physical_network'), cell: one => one.physical_network ?? '–', hidden: true },
    { id: 'vlan', title: () => words('vlan'), cell: one => one.vlan ?? '–', numeric: true, hidden: true },
    createdColumn(() => words('created')),
  ],
  filters: [
    {
      field: 'kind',
      title: () => words('kind'),
      kind: 'choice',
      options: (['overlay', 'external'] as const).map(kind => ({ value: kind, title: () => words(`kind.${kind}`) })),
    },
  ],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.network.update,
      input: one => ({ params: { network: one.id } }),
      whyNot: one => whyNotOurs(one),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes.network.delete, 'network', one => whyNotOurs(one)),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'ports',
      title: () => words('ports'),
      load: () => import('./ports.tsx'),
      calls: one => [{ route: routes.port.list, input: { query: { network_id: one.id } } }],
    },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  create: { route: routes.network.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

function Subnets({ ids }: { ids: readonly string[] }) {
  if (ids.length === 0) return <>–</>
  return (
    <span>
      {ids.slice(0, 3).map((id, n) => (
        <span key={id}>
          {n > 0 && ', '}
          <NameOf noun="subnet" id={id} />
        </span>
      ))}
      {ids.length > 3 && ` +${ids.length - 3}`}
    </span>
  )
}
