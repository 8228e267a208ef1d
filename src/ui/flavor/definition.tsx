/** Flavors: the smallest noun, and the example of one. */
import FlavorIcon from '@patternfly/react-icons/dist/esm/icons/ruler-combined-icon'
import type { Flavor } from '../../api/flavor.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { size, Time } from '../parts/time.tsx'
import { words } from './text.ts'

export const flavor = defineNoun<Flavor>({
  name: 'flavor',
  path: 'flavors',
  area: 'compute',
  title: () => words('one'),
  titles: () => words('many'),
  icon: FlavorIcon,
  list: routes.flavor.list,
  default_sort: 'name',
  of_the_cloud: true,
  get: { route: routes.flavor.get, param: 'flavor' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 2fr)' },
    { id: 'vcpus', title: () => words('vcpus'), cell: one => one.vcpus, numeric: true },
    { id: 'memory', title: () => words('memory'), cell: one => size(one.memory_mib, 'MiB'), numeric: true },
    { id: 'disk', title: () => words('disk'), cell: one => size(one.disk_gib, 'GiB'), numeric: true },
    {
      id: 'ephemeral',
      title: () => words('ephemeral'),
      cell: one => (one.ephemeral_gib === 0 ? '–' : size(one.ephemeral_gib, 'GiB')),
      numeric: true,
      hidden: true,
    },
    {
      id: 'swap',
      title: () => words('swap'),
      cell: one => (one.swap_mib === 0 ? '–' : size(one.swap_mib, 'MiB')),
      numeric: true,
      hidden: true,
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  actions: [
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes.flavor.delete,
      input: one => ({ params: { flavor: one.id } }),
      confirm: {
        title: () => words('delete.title', { n: 1 }),
        body: items => words('delete.body', { names: items.map(one => one.name).join(', ') }),
      },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes.flavor.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
