/** Flavors: the smallest noun, and the example of one. */
import FlavorIcon from '@patternfly/react-icons/dist/esm/icons/ruler-combined-icon'
import type { Flavor } from '../../api/flavor.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { size } from '../parts/time.tsx'
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
    nameColumn(() => words('name')),
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
    createdColumn(() => words('created')),
  ],
  actions: [deleting(words, routes.flavor.delete, 'flavor')],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes.flavor.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
