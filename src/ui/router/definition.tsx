/** Routers: the ways between subnets, and outside. */
import RouterIcon from '@patternfly/react-icons/dist/esm/icons/route-icon'
import type { Router } from '../../api/router.ts'
import { routes } from '../api/routes.ts'
import { whyNotOurs } from '../network/shared.ts'
import { defineNoun } from '../noun/definition.ts'
import { NameOf } from '../parts/name-of.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

const namesOf = (items: readonly Router[]) => ({ names: items.map(one => one.name).join(', ') })

export const router = defineNoun<Router>({
  name: 'router',
  path: 'routers',
  area: 'network',
  title: () => words('one'),
  titles: () => words('many'),
  icon: RouterIcon,
  list: routes.router.list,
  default_sort: 'name',
  get: { route: routes.router.get, param: 'router' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(9rem, 2fr)' },
    {
      id: 'external',
      title: () => words('external'),
      cell: one => <NameOf noun="network" id={one.external_network_id} />,
    },
    {
      id: 'addresses',
      title: () => words('addresses'),
      cell: one => <span className="croft-mono">{one.external_addresses.join(', ') || '–'}</span>,
    },
    {
      id: 'snat',
      title: () => words('snat'),
      cell: one => (one.external_network_id ? words(one.snat ? 'on' : 'off') : '–'),
    },
    {
      id: 'interfaces',
      title: () => words('interfaces'),
      cell: one => one.interfaces.map(each => each.cidr).join(', ') || '–',
      width: 'minmax(9rem, 2fr)',
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  actions: [
    {
      id: 'gateway',
      title: () => words('gateway'),
      route: routes.router.update,
      input: one => ({ params: { router: one.id }, body: { snat: one.snat } }),
      whyNot: one => whyNotOurs(one),
      primary: true,
      dialog: () => import('./gateway.tsx'),
    },
    {
      id: 'rename',
      title: () => words('edit'),
      route: routes.router.update,
      input: one => ({ params: { router: one.id }, body: { name: one.name } }),
      whyNot: one => whyNotOurs(one),
      dialog: () => import('./rename.tsx'),
    },
    {
      id: 'clear',
      title: () => words('clear'),
      route: routes.router.update,
      input: one => ({ params: { router: one.id }, body: { external_network_id: null } }),
      whyNot: one => (one.external_network_id === null ? words('why_not.clear') : whyNotOurs(one)),
      confirm: { title: () => words('clear.title'), body: items => words('clear.body', namesOf(items)) },
    },
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes.router.delete,
      input: one => ({ params: { router: one.id } }),
      whyNot: one =>
        one.interfaces.length > 0 ? words('why_not.delete', { n: one.interfaces.length }) : whyNotOurs(one),
      confirm: { title: n => words('delete.title', { n }), body: items => words('delete.body', namesOf(items)) },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'ports',
      title: () => words('ports'),
      load: () => import('./ports.tsx'),
      calls: one => [{ route: routes.port.list, input: { query: { router_id: one.id } } }],
    },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  create: { route: routes.router.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
