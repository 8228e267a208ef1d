/** Subnets: they have their place on their network's page; here is their own. */
import SubnetIcon from '@patternfly/react-icons/dist/esm/icons/pficon-network-range-icon'
import type { Subnet } from '../../api/subnet.ts'
import { routes } from '../api/routes.ts'
import { whyNotOurs } from '../network/shared.ts'
import { words } from '../network/text.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { NameOf } from '../parts/name-of.tsx'

export const subnet = defineNoun<Subnet>({
  name: 'subnet',
  path: 'subnets',
  area: 'network',
  title: () => words('subnet.one'),
  titles: () => words('subnets'),
  icon: SubnetIcon,
  list: routes.subnet.list,
  default_sort: 'name',
  shared_between_projects: true,
  unlisted: true,
  get: { route: routes.subnet.get, param: 'subnet' },
  columns: [
    nameColumn(() => words('name'), 'minmax(9rem, 2fr)'),
    { id: 'cidr', title: () => words('cidr'), cell: one => <code>{one.cidr}</code>, width: 'minmax(9rem, 1fr)' },
    { id: 'network', title: () => words('one'), cell: one => <NameOf noun="network" id={one.network_id} /> },
    { id: 'gateway', title: () => words('gateway'), cell: one => <code>{one.gateway ?? '–'}</code> },
    { id: 'dhcp', title: () => words('dhcp'), cell: one => words(one.dhcp ? 'on' : 'off') },
    { id: 'dns', title: () => words('dns'), cell: one => one.dns.join(', ') || '–', hidden: true },
    createdColumn(() => words('created')),
  ],
  filters: [{ field: 'network_id', title: () => words('one'), kind: 'noun', noun: 'network' }],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.subnet.update,
      input: one => ({ params: { subnet: one.id } }),
      whyNot: one => whyNotOurs(one),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes.subnet.delete, 'subnet', one => whyNotOurs(one)),
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes.subnet.create, title: () => words('subnet.create'), load: () => import('./create.tsx') },
  empty: () => words('subnet.empty'),
})
