/** Ports: where instances and routers meet networks. */
import PortIcon from '@patternfly/react-icons/dist/esm/icons/ethernet-icon'
import { type Port, portKinds } from './kinds.ts'
import { routes } from '../api/routes.ts'
import { whyNotOurs } from '../network/shared.ts'
import { defineNoun } from '../noun/definition.ts'
import { NameOf } from '../parts/name-of.tsx'
import { Time } from '../parts/time.tsx'
import { firstAsked } from '../security-group/first-asked.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export const labelOfPort = (one: Port): string => one.name || one.addresses[0]?.address || one.mac

export const port = defineNoun<Port>({
  name: 'port',
  path: 'ports',
  area: 'network',
  title: () => words('one'),
  titles: () => words('many'),
  icon: PortIcon,
  list: routes.port.list,
  searched_by: () => shared('list.search.port'),
  get: { route: routes.port.get, param: 'port' },
  label: labelOfPort,
  columns: [
    { id: 'name', title: () => words('name_or_address'), cell: labelOfPort, width: 'minmax(9rem, 1.5fr)' },
    { id: 'kind', title: () => words('kind'), cell: one => words(`kind.${one.kind}`) },
    {
      id: 'addresses',
      title: () => words('addresses'),
      cell: one => <span className="croft-mono">{one.addresses.map(each => each.address).join(', ') || '–'}</span>,
      width: 'minmax(8rem, 1.2fr)',
    },
    { id: 'network', title: () => words('network'), cell: one => <NameOf noun="network" id={one.network_id} /> },
    { id: 'of', title: () => words('of'), cell: one => <OwnerOf port={one} /> },
    {
      id: 'mac',
      title: () => words('mac'),
      cell: one => <span className="croft-mono">{one.mac}</span>,
      width: 'minmax(10rem, 1fr)',
      hidden: true,
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    { field: 'network_id', title: () => words('network'), kind: 'noun', noun: 'network' },
    { field: 'security_group_id', title: () => words('groups'), kind: 'noun', noun: 'security-group' },
    {
      field: 'kind',
      title: () => words('kind'),
      kind: 'choice',
      options: portKinds.map(kind => ({ value: kind, title: () => words(`kind.${kind}`) })),
    },
  ],
  judge: (one, { security_group_id: asked }) => ({
    security_group_id: asked === undefined || one.security_groups.includes(String(asked)),
  }),
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.port.update,
      input: one => ({ params: { port: one.id } }),
      whyNot: one => (one.kind === 'instance' || one.kind === 'free' ? whyNotOurs(one) : words('why_not.edit')),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes.port.delete,
      input: one => ({ params: { port: one.id } }),
      whyNot: one => (one.kind === 'free' ? whyNotOurs(one) : words(`why_not.delete.${one.kind}`)),
      confirm: {
        title: n => words('delete.title', { n }),
        body: items => words('delete.body', { names: items.map(labelOfPort).join(', ') }),
      },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'check',
      title: () => words('check'),
      load: () => import('./check.tsx'),
      calls: one => [{ route: routes['security-group'].check, input: { body: { port_id: one.id, ...firstAsked } } }],
      when: one => one.kind === 'instance' || one.kind === 'free',
    },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  create: { route: routes.port.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

/** The instance or router that has it. */
export function OwnerOf({ port }: { port: Port }) {
  if (port.instance_id) return <NameOf noun="instance" id={port.instance_id} />
  return <NameOf noun="router" id={port.router_id} />
}
