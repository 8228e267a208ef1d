/** Floating addresses: taken, put in front of instances, moved, released. */
import FloatingIcon from '@patternfly/react-icons/dist/esm/icons/globe-icon'
import type { FloatingIp } from '../../api/floating-ip.ts'
import { routes } from '../api/routes.ts'
import { whyNotOurs } from '../network/shared.ts'
import { defineNoun } from '../noun/definition.ts'
import { NameOf } from '../parts/name-of.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

const namesOf = (items: readonly FloatingIp[]) => ({ names: items.map(one => one.address).join(', ') })
const whyNot = (one: FloatingIp) => whyNotOurs(one, 'floating-ip.manage')

export const floatingIp = defineNoun<FloatingIp>({
  name: 'floating-ip',
  path: 'floating-ips',
  area: 'network',
  title: () => words('one'),
  titles: () => words('many'),
  icon: FloatingIcon,
  list: routes['floating-ip'].list,
  searched_by: () => shared('list.search.address'),
  get: { route: routes['floating-ip'].get, param: 'floating_ip' },
  label: one => one.address,
  badge: one => <State one={one} />,
  columns: [
    {
      id: 'address',
      title: () => words('address'),
      cell: one => <code>{one.address}</code>,
      width: 'minmax(8rem, 1fr)',
    },
    { id: 'state', title: () => words('state'), cell: one => <State one={one} /> },
    { id: 'instance', title: () => words('instance'), cell: one => <NameOf noun="instance" id={one.instance_id} /> },
    { id: 'fixed', title: () => words('fixed'), cell: one => <code>{one.fixed_address ?? '–'}</code> },
    { id: 'network', title: () => words('network'), cell: one => <NameOf noun="network" id={one.network_id} /> },
    {
      id: 'description',
      title: () => words('description'),
      cell: one => one.description || '–',
      width: 'minmax(8rem, 2fr)',
    },
    {
      id: 'router',
      title: () => words('router'),
      cell: one => <NameOf noun="router" id={one.router_id} />,
      hidden: true,
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    { field: 'network_id', title: () => words('network'), kind: 'noun', noun: 'network' },
    { field: 'instance_id', title: () => words('instance'), kind: 'noun', noun: 'instance' },
  ],
  actions: [
    {
      id: 'associate',
      title: () => words('associate'),
      route: routes['floating-ip'].update,
      input: one => ({ params: { floating_ip: one.id }, body: { instance_id: one.instance_id } }),
      whyNot,
      primary: true,
      dialog: () => import('./associate.tsx'),
    },
    {
      id: 'disassociate',
      title: () => words('disassociate'),
      route: routes['floating-ip'].update,
      input: one => ({ params: { floating_ip: one.id }, body: { port_id: null } }),
      whyNot: one => (one.port_id === null ? words('why_not.disassociate') : whyNot(one)),
      confirm: { title: () => words('disassociate.title'), body: items => words('disassociate.body', namesOf(items)) },
      primary: true,
    },
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes['floating-ip'].update,
      input: one => ({ params: { floating_ip: one.id }, body: { description: one.description } }),
      whyNot,
      dialog: () => import('./edit.tsx'),
    },
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes['floating-ip'].delete,
      input: one => ({ params: { floating_ip: one.id } }),
      whyNot,
      confirm: { title: n => words('delete.title', { n }), body: items => words('delete.body', namesOf(items)) },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  create: { route: routes['floating-ip'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

function State({ one }: { one: FloatingIp }) {
  return (
    <StateLabel tone={one.port_id === null ? 'off' : 'good'}>
      {words(one.port_id === null ? 'free' : 'used')}
    </StateLabel>
  )
}
